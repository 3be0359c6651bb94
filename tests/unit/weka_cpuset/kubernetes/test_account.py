"""The service account of the agent's own pod."""

import ssl
from pathlib import Path

import pytest

from weka_cpuset.kubernetes.account import TOKEN_MAX, Account, NoAccount

CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as kubelet mounts it."""
    (tmp_path / "token").write_text("abc.def\n")
    return tmp_path


def test_account_is_that_of_the_pod(folder: Path) -> None:
    assert Account("10.0.0.1", 443, folder) == Account.found(CLUSTER, folder)


@pytest.mark.parametrize(
    "environment",
    [{}, CLUSTER | {"KUBERNETES_SERVICE_HOST": ""}, CLUSTER | {"KUBERNETES_SERVICE_PORT": "x"}],
)
def test_agent_outside_of_a_pod_has_none(folder: Path, environment: dict[str, str]) -> None:
    with pytest.raises(NoAccount, match="does not run in a pod"):
        Account.found(environment, folder)


def test_pod_without_a_token_has_none(tmp_path: Path) -> None:
    with pytest.raises(NoAccount, match="no service account's token is mounted"):
        Account.found(CLUSTER, tmp_path)


def test_program_without_tls_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-contained executable has a stand-in for `ssl`, which has no version."""
    monkeypatch.delattr(ssl, "OPENSSL_VERSION")
    with pytest.raises(NoAccount, match="use the image"):
        Account.found(CLUSTER, folder)


def test_token_is_read_each_time(folder: Path) -> None:
    """Kubelet replaces it long before it expires."""
    account = Account.found(CLUSTER, folder)
    assert "abc.def" == account.token()
    (folder / "token").write_text("new")
    assert "new" == account.token()


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX-Other: b", "ä", "a" * (TOKEN_MAX + 1)])
def test_what_cannot_be_a_token_becomes_no_header(folder: Path, text: str) -> None:
    (folder / "token").write_text(text)
    with pytest.raises(NoAccount, match="there is no token in"):
        Account.found(CLUSTER, folder).token()


def test_missing_authority_is_an_error(folder: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Account.found(CLUSTER, folder).trust()
