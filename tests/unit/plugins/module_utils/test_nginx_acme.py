"""Certificates by ACME, with a certbot that pretends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_acme
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_acme import (
    deploy,
    describe_acme,
    forget,
    list_due,
    main,
    obtain,
    renew,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from nginx_host import TAKES_OVER, Host, failure

#: Gives the certificate that lies in $FAKE/authority, and says no if there is none.
CERTBOT = """#!/bin/sh
echo "$*" >> "$FAKE/certbot.calls"
env > "$FAKE/certbot.environment"
home=${0%/venv/bin/certbot}
case "$1" in
delete) rm -r "$home/config/live/$5" "$home/config/renewal/$5.conf"; exit ;;
esac
case "$*" in renew*--force-renewal) ;; renew*) [ ! -e "$FAKE/authority/lasts" ] || exit 0 ;; esac
[ -e "$FAKE/authority/$5.c" ] || { echo "no, says the authority" >&2; echo more; exit 1; }
mkdir -p "$home/config/live/$5" "$home/config/renewal"
cp "$FAKE/authority/$5.c" "$home/config/live/$5/fullchain.pem"
cp "$FAKE/authority/$5.k" "$home/config/live/$5/privkey.pem"
touch "$home/config/renewal/$5.conf"
"""
#: Runs the program behind its options, and notes them.
SYSTEMD_RUN = """#!/bin/sh
echo "$*" >> "$FAKE/systemd-run.calls"
while case "$1" in --*) ;; *) false ;; esac; do shift; done
exec "$@"
"""
SITE = {"name": "shop", "domains": ["shop.example", "www.shop.example"]}


class Authority:
    """Certbot, and what it gets."""

    def __init__(self, nginx: Host, pem: Path) -> None:
        self.host, self.pem = nginx, pem
        self.home = str(nginx.directory / "certbot")
        os.makedirs(f"{self.home}/venv/bin")
        os.mkdir(nginx.fake / "authority")
        Path(self.home, "venv/bin/certbot").write_text(CERTBOT)
        Path(self.home, "venv/bin/certbot").chmod(0o755)
        (nginx.fake / "systemd-run").write_text(SYSTEMD_RUN)
        (nginx.fake / "systemd-run").chmod(0o755)
        text = f"# {HEADER}\n# Owner: lab\nssl_certificate /etc/nginx/tls/shop.crt;\n"
        nginx.put("conf.d/shop.conf", text)
        nginx.put("conf.d/wiki.conf", text.replace("shop", "wiki"))

    def give(self, certificate: str, key: str = "leaf", name: str = "shop") -> None:
        """Say what the authority gives."""
        for kind, text in (("c", self.read(certificate + ".c")), ("k", self.read(key + ".k"))):
            (self.host.fake / f"authority/{name}.{kind}").write_text(text)

    def renew(self, certificate: str, key: str = "leaf", name: str = "shop") -> None:
        """Have certbot get a certificate by itself, as its timer does."""
        self.give(certificate, key, name)
        os.system(f"{self.home}/venv/bin/certbot certonly --config x --cert-name {name}")

    def obtain_first(self) -> None:
        """Get the site's first certificate, and have nginx take it over."""
        self.renew("leaf60")
        self.takes_over(202)
        deploy(self.host.tree, ["shop"], self.home, 0.2)

    def read(self, name: str) -> str:
        """Return a certificate or key."""
        return (self.pem / name).read_text()

    def pair(self, name: str = "shop") -> tuple[str, str]:
        """Return the certificate and the key that nginx has."""
        contents = self.host.contents()
        return contents[f"tls/{name}.crt"][1], contents[f"tls/{name}.key"][1]

    def obtain(self, *sites: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Get certificates."""
        return obtain(self.host.tree, sites or [SITE], self.home, **options)

    def takes_over(self, worker: int) -> None:
        """Have nginx take over what it is given next."""
        self.host.on_reload(TAKES_OVER.replace("202", str(worker)))


@pytest.fixture
def authority(nginx: Host, pem: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority(nginx, pem)
    monkeypatch.setattr(_nginx_acme, "Tree", lambda: nginx.tree)
    monkeypatch.setattr(_nginx_acme, "HOME", authority.home)
    monkeypatch.setattr(_nginx_acme.deploy, "__defaults__", (authority.home, 0.2))
    monkeypatch.delenv("RENEWED_LINEAGE", raising=False)
    return authority


def run_hook(authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str = "shop") -> int:
    """Do what certbot's deploy hook does."""
    with monkeypatch.context() as patch:
        patch.setenv("RENEWED_LINEAGE", f"{authority.home}/config/live/{name}")
        return main([])


def test_certbot_describes_itself(nginx: Host) -> None:
    home = nginx.directory / "certbot"
    assert describe_acme(str(home)) == {"certbot": None, "lineages": []}
    (home / "venv/lib/python3.11/site-packages/certbot-4.2.0.dist-info").mkdir(parents=True)
    (home / "config/renewal").mkdir(parents=True)
    for name in ("wiki.conf", "shop.conf", "README"):
        (home / "config/renewal" / name).touch()
    assert describe_acme(str(home)) == {"certbot": "4.2.0", "lineages": ["shop", "wiki"]}


def test_a_certificate_is_got_and_given_to_nginx(authority: Authority) -> None:
    authority.give("leaf60")
    answer = {"changed": True, "issued": ["shop"], "deployed": ["shop"]}
    assert authority.obtain(check=True) == answer
    assert authority.host.calls("certbot") == []
    assert authority.obtain(ca_bundle="/ca.pem", environment={"HTTPS_PROXY": "p@ss"}) == answer
    assert authority.pair() == (authority.read("leaf60.c"), authority.read("leaf.k"))
    modes = {name: found[0] for name, found in authority.host.contents().items()}
    assert (modes["tls/shop.crt"], modes["tls/shop.key"]) == ("644", "600")
    assert authority.host.calls("systemctl")[-1] == "reload nginx.service"
    # What may be secret is in the environment alone.
    (call,) = authority.host.calls("certbot")
    assert call == (
        f"certonly --config {authority.home}/cli.ini --cert-name shop --keep-until-expiring"
        " --renew-with-new-domains -d shop.example -d www.shop.example"
    )
    said = (authority.host.fake / "certbot.environment").read_text().splitlines()
    assert {"REQUESTS_CA_BUNDLE=/ca.pem", "HTTPS_PROXY=p@ss"} <= set(said)
    assert os.environ.get("HTTPS_PROXY") != "p@ss"
    # What is good is asked for no more.
    nothing = {"changed": False, "issued": [], "deployed": []}
    assert authority.obtain() == authority.obtain(check=True) == nothing
    assert len(authority.host.calls("certbot")) == 1


def test_one_that_lasts_only_days_is_kept(authority: Authority) -> None:
    authority.give("leaf3")
    assert authority.obtain()["issued"] == ["shop"]
    assert authority.obtain() == {"changed": False, "issued": [], "deployed": []}
    assert len(authority.host.calls("certbot")) == 2


def test_what_the_authority_does_not_give(authority: Authority) -> None:
    authority.give("leaf60", name="wiki")
    wiki = SITE | {"name": "wiki"}
    problem = failure(authority.obtain, SITE, wiki)
    assert str(problem) == (
        "site 'shop', tls.acme: the authority gave no certificate; the site is served with a"
        " self-signed one until it does. The names must lead to this host, and port 80 must be"
        " open. In certbot's words: no, says the authority\n\nmore"
    )
    # The others have theirs.
    assert problem.details["issued"] == problem.details["deployed"] == ["wiki"]
    assert problem.details["failures"] == [{"site": "shop", "text": str(problem)}]
    assert authority.pair("wiki")[0] == authority.read("leaf60.c")


def test_a_certbot_that_does_not_end(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nginx_acme, "PATIENCE", 0.2)
    Path(authority.home, "venv/bin/certbot").write_text("#!/bin/sh\nexec sleep 5\n")
    assert "certonly took too long" in str(failure(authority.obtain))


def test_a_renewed_certificate_is_given_to_nginx(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.renew("leaf20")
    assert list_due(authority.host.tree, authority.home) == ["shop"]
    assert run_hook(authority, monkeypatch) == 0
    assert authority.pair() == (authority.read("leaf20.c"), authority.read("leaf.k"))
    assert list_due(authority.host.tree, authority.home) == []
    assert authority.host.left() == set()
    # Again, there is nothing to do.
    asked = len(authority.host.calls("systemctl"))
    assert run_hook(authority, monkeypatch) == 0
    assert main([]) == 0
    assert len(authority.host.calls("systemctl")) == asked


def test_a_reload_that_fails_is_tried_again(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority.give("ca", "ca")
    authority.obtain({"name": "shop", "domains": []})
    served = authority.pair()
    # The authority gives another, with a key of its own, and nginx does not take it over.
    authority.renew("leaf60")
    authority.host.on_reload("echo no >&2; exit 1")
    assert run_hook(authority, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "nginx goes on with the old certificates of shop; the timer nginx-acme tries" in said
    assert "(in its words: no); the old files are back" in said
    # Files and nginx say the same: the old pair, so that status is right, and it is known as due.
    assert authority.pair() == served
    assert authority.host.left() == set()
    assert list_due(authority.host.tree, authority.home) == ["shop"]
    # The next run of the timer gives it once more, though nothing was renewed.
    assert main([]) == 1
    authority.takes_over(204)
    assert main([]) == 0
    assert authority.pair() == (authority.read("leaf60.c"), authority.read("leaf.k"))
    assert list_due(authority.host.tree, authority.home) == []


def test_a_configuration_that_somebody_broke_keeps_the_old_certificate(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.give("leaf60")
    authority.obtain()
    before = authority.host.contents()
    authority.renew("leaf20")
    authority.host.put("conf.d/mine.conf", "bad")
    assert run_hook(authority, monkeypatch) == 1
    (authority.host.root / "conf.d/mine.conf").unlink()
    assert authority.host.contents() == before
    authority.takes_over(204)
    assert main([]) == 0
    assert authority.pair()[0] == authority.read("leaf20.c")


def test_key_and_certificate_change_together(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.give("ca", "ca")
    authority.obtain({"name": "shop", "domains": []})
    served = authority.pair()
    authority.renew("leaf60")
    original = os.rename

    class Killed(BaseException):
        pass

    def rename(source: str, target: str) -> None:
        if target == f"{authority.host.root}/tls/shop.crt":
            raise Killed
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        patch.setattr(type(authority.host.tree), "restore", lambda _: None)
        with pytest.raises(Killed):
            main([])
    assert authority.pair() == (served[0], authority.read("leaf.k"))
    assert authority.host.state() == "writing"
    # Whoever comes next has the old pair back before anything else.
    authority.host.on_reload("exit 1")
    assert main([]) == 1
    assert authority.pair() == served
    authority.takes_over(204)
    assert main([]) == 0
    assert authority.pair() == (authority.read("leaf60.c"), authority.read("leaf.k"))


def test_a_pair_that_does_not_fit_keeps_no_other_back(
    authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    authority.renew("leaf60", "other")
    authority.renew("leaf20", name="wiki")
    assert main([]) == 1
    assert "site 'shop', tls.acme: " in capsys.readouterr().err
    assert authority.pair("wiki")[0] == authority.read("leaf20.c")
    assert "tls/shop.crt" not in authority.host.contents()


def test_a_site_that_has_another_certificate_is_left_alone(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.renew("leaf60")
    authority.host.put("conf.d/shop.conf", f"# {HEADER}\nssl_certificate /etc/pki/shop.crt;\n")
    assert list_due(authority.host.tree, authority.home) == []
    assert main([]) == 0 and run_hook(authority, monkeypatch) == 0
    assert "tls/shop.crt" not in authority.host.contents()


def test_a_hook_says_why_not(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority.renew("leaf60")
    monkeypatch.setattr(_nginx_acme, "apply", lambda *_: os.stat("/no/such"))
    assert main([]) == 1
    assert capsys.readouterr().err == "/no/such: No such file or directory.\n"


def test_what_is_forgotten(authority: Authority) -> None:
    authority.renew("leaf60")
    answer = {"changed": True, "removed": ["shop"]}
    assert forget(["shop", "never"], authority.home, check=True) == answer
    assert describe_acme(authority.home)["lineages"] == ["shop"]
    assert forget(["shop", "never"], authority.home) == answer
    assert authority.host.calls("certbot")[-1] == (
        f"delete --config {authority.home}/cli.ini --cert-name shop"
    )
    assert forget(["shop"], authority.home) == {"changed": False, "removed": []}
    authority.renew("leaf60")
    Path(authority.home, "venv/bin/certbot").write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    said = str(failure(forget, ["shop"], authority.home))
    assert said == "certbot did not forget the certificate 'shop'. In its words: broken"


def test_what_was_killed_before_nginx_took_it_over_is_due(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 10: nginx has the files, and nobody has told it to read them."""

    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    authority.renew("leaf60")
    with monkeypatch.context() as patch:
        patch.setattr(_nginx_acme, "take_over", kill)
        with pytest.raises(KeyboardInterrupt):
            run_hook(authority, monkeypatch)
    assert authority.pair()[0] == authority.read("leaf60.c")
    assert list_due(authority.host.tree, authority.home) == ["shop"]
    # The timer.
    assert main([]) == 0
    assert authority.host.calls("systemctl")[-1] == "reload nginx.service"
    assert list_due(authority.host.tree, authority.home) == []


# ---- Renewing by hand ------------------------------------------------------------------------


def renew_now(authority: Authority, *names: str, **options: Any) -> dict[str, Any]:
    """Renew certificates."""
    return renew(authority.host.tree, names, authority.home, wait=0.2, **options)


def test_what_is_due_is_renewed_and_given_to_nginx(authority: Authority) -> None:
    authority.renew("leaf60")
    authority.takes_over(202)
    authority.give("leaf20")
    answer = renew_now(authority)
    assert answer == {
        "changed": True,
        "sites": ["shop"],
        "renewed": ["shop"],
        "deployed": ["shop"],
    }
    assert authority.pair() == (authority.read("leaf20.c"), authority.read("leaf.k"))
    # As the timer does: with its variables, which systemd reads.
    (call,) = authority.host.calls("systemd-run")
    assert f"--property=EnvironmentFile=-{authority.home}/environment" in call
    assert "--wait" in call
    assert call.endswith("--cert-name shop --no-random-sleep-on-renew")


def test_what_is_not_due_is_renewed_by_force_alone(authority: Authority) -> None:
    authority.obtain_first()
    (authority.host.fake / "authority/lasts").touch()
    authority.give("leaf20")
    answer = renew_now(authority)
    assert (answer["changed"], answer["sites"], answer["renewed"]) == (False, ["shop"], [])
    authority.takes_over(203)
    assert renew_now(authority, force=True)["renewed"] == ["shop"]
    assert authority.pair()[0] == authority.read("leaf20.c")


def test_only_those_that_are_named_and_served(authority: Authority) -> None:
    authority.obtain_first()
    authority.renew("leaf60", name="gone")  # No site has it any more.
    assert renew_now(authority, "wiki")["sites"] == []
    assert renew_now(authority, check=True)["sites"] == ["shop"]


def test_check_mode_guesses(authority: Authority) -> None:
    authority.obtain_first()
    calls = len(authority.host.calls("systemd-run"))
    assert renew_now(authority, check=True)["renewed"] == []
    assert renew_now(authority, check=True, force=True)["renewed"] == ["shop"]
    authority.renew("leaf3")
    assert renew_now(authority, check=True)["renewed"] == ["shop"]
    assert len(authority.host.calls("systemd-run")) == calls


def test_what_the_authority_does_not_renew(authority: Authority) -> None:
    authority.obtain_first()
    (authority.host.fake / "authority/shop.c").unlink()
    details = failure(lambda: renew_now(authority))
    assert "site 'shop': its certificate is not renewed. In certbot's words: no, says" in str(
        details
    )
    assert authority.pair()[0] == authority.read("leaf60.c")
