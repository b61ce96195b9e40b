"""What the key `module` can name."""

from __future__ import annotations

import pytest

from ansible_collections.flaskstack.centos.plugins.plugin_utils import callables
from ansible_collections.flaskstack.centos.plugins.plugin_utils.callables import Callable


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop", Callable("shop")),
        ("shop.wsgi:app", Callable("shop.wsgi", "app")),
        ("my-app:app", Callable("my-app", "app")),
        ("商店.wsgi:应用", Callable("商店.wsgi", "应用")),
        ("shop:sio.wsgi_app", Callable("shop", "sio.wsgi_app")),
        ("shop:create_app()", Callable("shop", "create_app", True)),
        ("shop:Shop.make( )", Callable("shop", "Shop.make", True)),
        (
            "shop:create_app('prod', debug=False, n=[1, {'a': None}])",
            Callable(
                "shop", "create_app", True, ("prod",), {"debug": False, "n": [1, {"a": None}]}
            ),
        ),
    ],
)
def test_read(text: str, found: Callable) -> None:
    assert callables.parse(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wsgi.py", "is a file; write it as package.module:callable, here wsgi."),
        ("./shop/wsgi.py:app", "here shop.wsgi:app."),
        ("shop/wsgi:app", "is a path; write it as package.module:callable, here shop.wsgi:app."),
        ("", "is no WSGI callable; write it as package.module:callable."),
        ("shop:", "is no WSGI callable"),
        ("shop:app:x", "is no WSGI callable"),
        ("shop:app\nmodule = x", "is no WSGI callable"),
        ("shop:f(", "is no WSGI callable"),
        ("shop:f()()", "is no WSGI callable"),
        ("shop:f().wsgi_app", "is no WSGI callable"),
        ("shop:f()[0]", "is no WSGI callable"),
        ("1shop:app", "is no WSGI callable"),
        ("shop:f(os.environ['X'])", "only plain values can be given to f()"),
        ("shop:f(**{'a': 1})", "only plain values"),
        ("shop:f(*[1])", "only plain values"),
        # Neither is written as it was read: in each process another order, a name that is none.
        ("shop:f([{'a', 'b'}])", "only plain values"),
        ("shop:f({'a': set()})", "only plain values"),
        ("shop:f(timeout=1e999)", "only plain values"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="^'") as caught:
        callables.parse(text)
    assert words in str(caught.value)
