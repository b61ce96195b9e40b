"""nginx's modules: their options, and what they hand on. What they do is tested in module_utils."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from nginx_host import Host

MODULES = "ansible_collections.flaskstack.centos.plugins.modules."
NAMES = (
    "nginx_block",
    "nginx_certificate",
    "nginx_config",
    "nginx_drain",
    "nginx_info",
    "nginx_metrics",
    "nginx_purge",
)


class Ended(Exception):
    """A module's end: its answer, and whether it failed."""

    def __init__(self, failed: bool, **answer: Any) -> None:
        super().__init__(answer)
        self.failed, self.answer = failed, answer


class AnsibleModule:
    """What a module needs of Ansible's: options that are checked and complete, and an end."""

    given: dict[str, Any]
    check_mode: bool
    specification: dict[str, Any]

    def __init__(self, argument_spec: dict[str, Any], **rules: Any) -> None:
        type(self).specification = argument_spec
        assert rules.pop("supports_check_mode")
        result = ArgumentSpecValidator(argument_spec, **rules).validate(self.given)
        if result.error_messages:
            raise Ended(True, msg="; ".join(result.error_messages))
        self.params = result.validated_parameters
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        """Note a warning."""
        self.warnings.append(text)

    def exit_json(self, **answer: Any) -> None:
        """End well."""
        raise Ended(False, **answer, warned=self.warnings)

    def fail_json(self, **answer: Any) -> None:
        """End badly."""
        raise Ended(True, **answer)


Run = Callable[..., Ended]


@pytest.fixture
def run(nginx: Host, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a module by its name and options."""

    def end(name: str, check: bool = False, **given: Any) -> Ended:
        module = importlib.import_module(MODULES + name)
        monkeypatch.setattr(module, "AnsibleModule", AnsibleModule)
        if hasattr(module, "Tree"):
            monkeypatch.setattr(module, "Tree", lambda: nginx.tree)
        monkeypatch.setattr(AnsibleModule, "given", given, raising=False)
        monkeypatch.setattr(AnsibleModule, "check_mode", check, raising=False)
        with pytest.raises(Ended) as ended:
            module.main()
        return ended.value

    return end


def documented(module: ModuleType) -> dict[str, Any]:
    """Return a module's options as they are documented."""
    options: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)["options"]
    return options


def compare(said: dict[str, Any], done: dict[str, Any], where: str) -> None:
    """Hold what is said of options against what is done with them."""
    assert set(said) == set(done), where
    for name, option in done.items():
        at = f"{where}.{name}"
        for key in ("type", "elements", "choices", "default", "required"):
            assert said[name].get(key) == option.get(key), f"{at}: {key}"
        compare(said[name].get("suboptions", {}), option.get("options", {}), at)


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_says_what_is_done(run: Run, name: str) -> None:
    run(name, no_such="option")
    module = importlib.import_module(MODULES + name)
    compare(documented(module), AnsibleModule.specification, name)
    examples = yaml.safe_load(module.EXAMPLES)
    assert all(f"flaskstack.centos.{name}" in example for example in examples)
    assert yaml.safe_load(module.RETURN)


def test_what_is_secret_is_not_shown(run: Run) -> None:
    secrets = {"nginx_config": {"secret_files"}, "nginx_certificate": {"environment"}}
    for name in NAMES:
        run(name, no_such="option")
        found = {key for key, of in AnsibleModule.specification.items() if of.get("no_log")}
        assert found == secrets.get(name, set())


def test_info(run: Run, nginx: Host) -> None:
    nginx.put("conf.d/wiki.conf", f"# {HEADER}\n# Owner: theirs\n")
    (nginx.fake / "version").write_text("nginx version: nginx/1.22.1\n")
    nginx.write(shop=f"# {HEADER}\n# Owner: ours\n")
    answer = run(
        "nginx_info",
        units=["nginx.service"],
        sysctls=["net.none"],
        paths=[str(nginx.root / "nginx.conf"), "/no/such"],
        directories=[{"site": "shop", "key": "directory", "path": "/no/such"}],
        certificates=[
            {
                "site": "shop",
                "kind": "files",
                "certificate": "tls/a",
                "key": "tls/b",
                "names": [],
                "key_names": ["tls.certificate", "tls.key"],
            }
        ],
    ).answer
    needs: dict[str, Any] = {"listens": [], "variables": [], "parts": []}
    assert answer["owned"] == [
        {"file": "conf.d/shop.conf", "owner": "ours"} | needs,
        {"file": "conf.d/wiki.conf", "owner": "theirs"} | needs,
    ]
    assert answer["pending"] and not answer["changed"] and answer["drained"] == []
    assert answer["nginx"]["version"] == "1.22.1"
    assert answer["units"]["nginx.service"]["ActiveState"] == "active"
    assert list(answer["paths"]) == [str(nginx.root / "nginx.conf")]
    assert set(answer["files"]) == {"nginx.conf", "conf.d/shop.conf", "conf.d/wiki.conf"}
    assert [problem["key"] for problem in answer["problems"]] == [
        "directory",
        "tls.certificate",
        "tls.key",
    ]
    assert answer["certificates"]["shop"]["state"] == "missing"
    assert answer["sysctls"] == {"net.none": None}
    assert (answer["certbot"], answer["lineages"], answer["acme_due"]) == (None, [], [])
    programs = ["/usr/local/sbin/nginx-metrics.pyz", "/opt/certbot/deploy.pyz"]
    assert list(answer["programs"]) == programs
    assert "sites" not in answer
    answer = run("nginx_info", sites=True).answer
    assert [site["site"] for site in answer["sites"]] == ["shop", "wiki"]


def test_config(run: Run, nginx: Host) -> None:
    wanted = {
        "files": {"conf.d/shop.conf": "warned"},
        "secret_files": {"tls/shop.key": "hush"},
        "remove": ["mime.types"],
    }
    before = nginx.contents()
    announced = run("nginx_config", check=True, **wanted)
    assert nginx.contents() == before
    ended = run("nginx_config", **wanted)
    assert ended.answer == announced.answer
    assert not ended.failed and ended.answer["changed"]
    assert ended.answer["written"] == ["conf.d/shop.conf", "tls/shop.key"]
    assert ended.answer["removed"] == ["mime.types"]
    assert len(ended.answer["warned"]) == 1
    assert "hush" not in str(ended.answer)
    assert nginx.contents()["tls/shop.key"] == ("600", "hush")
    assert nginx.contents()["conf.d/shop.conf"] == ("644", "warned")
    idle = {"changed": False, "reloaded": False, "warned": []}
    assert run("nginx_config", check=True, state="reloaded").answer == idle
    assert nginx.state() == "written"
    done = {"changed": True, "reloaded": True, "warned": []}
    assert run("nginx_config", state="reloaded", wait=5).answer == done
    ended = run("nginx_config", files={"conf.d/wiki.conf": "bad"})
    assert ended.failed and ended.answer["site"] == "wiki"
    assert ended.answer["msg"].endswith("\n" + ended.answer["problem"])
    ended = run("nginx_config", remove=["conf.d/../x"])
    assert ended.failed and "is no path below" in ended.answer["msg"]


def test_config_of_another_owner(run: Run, nginx: Host) -> None:
    nginx.put("conf.d/wiki.conf", f"# {HEADER}\n# Owner: theirs\n")
    ended = run("nginx_config", files={"conf.d/wiki.conf": "x"}, owner="ours")
    assert ended.failed and "belongs to 'theirs'" in ended.answer["msg"]
    assert not run("nginx_config", files={"conf.d/wiki.conf": "x"}, owner="theirs").failed


def test_self_signed_certificates(run: Run, nginx: Host) -> None:
    made = {"certificate": "tls/a.crt", "key": "tls/a.key", "names": ["a.example"]}
    # In check mode nobody has made it yet: the test of the configuration wants one all the same.
    run("nginx_config", check=True, self_signed=[made | {"days": 9}])
    assert "./tls/a.crt" in (nginx.fake / "stage.files").read_text().split()
    asked = {"state": "self_signed", "certificates": [made]}
    announced = run("nginx_certificate", check=True, **asked).answer
    assert not (nginx.root / "tls").exists()
    answer = run("nginx_certificate", **asked).answer
    assert answer == announced
    assert (answer["changed"], answer["signed"]) == (True, ["tls/a.crt"])
    assert not run("nginx_certificate", **asked).answer["changed"]


def test_certificates_by_acme(run: Run, nginx: Host) -> None:
    home = nginx.directory / "certbot"
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/certbot").write_text("#!/bin/sh\necho $PROXY_PASSWORD >&2; exit 1\n")
    (home / "venv/bin/certbot").chmod(0o755)
    written = [str(home / "deploy.pyz")]
    assert run("nginx_certificate", state="acme", home=str(home)).answer["written"] == written
    assert not run("nginx_certificate", state="acme", home=str(home)).answer["changed"]
    (home / "deploy.sh").touch()
    ended = run(
        "nginx_certificate",
        state="acme",
        home=str(home),
        sites=[{"name": "shop", "domains": ["shop.example"]}],
        environment={"PROXY_PASSWORD": 17},
    )
    assert ended.failed and ended.answer["changed"]
    assert ended.answer["written"] == [str(home / "deploy.sh")]
    assert ended.answer["msg"].endswith("In certbot's words: 17")
    answer = run("nginx_certificate", state="absent", names=["shop"], home=str(home)).answer
    assert answer["removed"] == []


def test_block(run: Run, nginx: Host) -> None:
    answer = run("nginx_block", check=True, address="10.0.0.1").answer
    assert (answer["changed"], answer["addresses"]) == (True, ["10.0.0.1/32"])
    assert not (nginx.root / "blocked-now.conf").exists()
    assert not run("nginx_block", address="10.0.0.1", state="absent").answer["changed"]
    assert run("nginx_block", address="10.0.0.1", wait=5).answer == answer
    assert run("nginx_block", address="nowhere").failed


def test_drain(run: Run, nginx: Host) -> None:
    upstream = "upstream site_shop {\n    server 10.0.0.1:80;\n    server 10.0.0.2:80;\n}\n"
    nginx.put("conf.d/shop.conf", f"# {HEADER}\n{upstream}")
    dry = run("nginx_drain", check=True, address="10.0.0.1").answer
    assert (dry["changed"], dry["drained"], dry["upstreams"]) == (True, ["10.0.0.1"], ["site_shop"])
    assert not (nginx.root / "drained-now").exists()
    assert run("nginx_drain", address="10.0.0.1", wait=5).answer == dry
    assert run("nginx_info").answer["drained"] == ["10.0.0.1"]
    ended = run("nginx_drain", address="10.0.0.2")
    assert ended.failed and ended.answer["upstreams"] == ["site_shop"]
    assert not run("nginx_drain", check=True, address="10.0.0.2", force=True).failed
    assert run("nginx_drain", check=True, address="10.0.0.1", state="present").answer["changed"]


def test_purge(run: Run) -> None:
    answer = run("nginx_purge", sites=["none-such"]).answer
    assert answer["purged"] == {"none-such": {"files": 0, "bytes": 0}}
    assert run("nginx_purge", sites=["a/b"]).answer["msg"] == "'a/b' is no name of a site."


def test_metrics(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(MODULES + "nginx_metrics")
    done: list[Any] = []

    def note(*arguments: Any) -> dict[str, Any]:
        done.append(arguments)
        return {"changed": True}

    monkeypatch.setattr(module, "install_metrics", note)
    monkeypatch.setattr(module, "remove_metrics", note)
    assert "directory" in run("nginx_metrics").answer["msg"]
    run("nginx_metrics", check=True, directory="/d", files=[{"path": "/u", "text": "unit"}])
    run("nginx_metrics", state="absent")
    assert done == [("/d", [("/u", "unit")], True), (False,)]
