"""Where a publication will be found, and where this tool comes from, as its own metadata say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import metadata

from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.plain import web_address
from actiseg_noise.version import tool_version

PACKAGE = "actiseg-nl"
_SOURCES = ("repository", "source", "source code", "code", "homepage")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz)$")
_IN_A_SHELL = re.compile(r"[A-Za-z0-9._~:/?#@!&+,;=%-]+")
_REPO_ID = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?")


@dataclass(frozen=True)
class Places:
    """Addresses that a publication names.

    Attributes:
        repo_id: its ``owner/name`` on the hub. url: the folder that its files will be in, on the web.
        tool_url: where the source of this tool is. None: not known.
    """

    repo_id: str | None = None
    url: str | None = None
    tool_url: str | None = None

    @property
    def home(self) -> str | None:
        """Return the address of the publication itself."""
        return self.url if self.repo_id is None else f"https://huggingface.co/datasets/{self.repo_id}"


def find_places(repo_id: str | None, url: str | None, tool_url: str | None) -> Places:
    """Return the addresses that a person gave, the tool's own by default from its metadata.

    Raises:
        ActisegError: one of them is none; or there are two for the publication.
    """
    raise_if(
        repo_id is not None and not _REPO_ID.fullmatch(repo_id),
        f"--repo-id {repo_id}: expected OWNER/NAME, as the hub writes it",
    )
    raise_if(repo_id is not None and url is not None, "--repo-id and --url are two addresses; give one of them")
    if url is not None:
        url = _check_address("--url", url, "https://example.org/data").rstrip("/")
    if tool_url is not None:
        tool_url = _check_address("--tool-url", tool_url, f"https://example.org/{PACKAGE}.git")
    return Places(repo_id, url, tool_url or tool_address())


def tool_address() -> str | None:
    """Return where the source of this package is, as its metadata (``project.urls``) say; None: they do not."""
    stated = dict(_named(entry) for entry in metadata(PACKAGE).get_all("Project-URL") or ())
    return next((stated[name] for name in _SOURCES if web_address(stated.get(name))), None)


def _named(entry: str) -> tuple[str, str]:
    """Return label, in small letters, and address of a ``Project-URL``."""
    label, _, address = entry.partition(",")
    return label.strip().lower(), address.strip()


def _check_address(option: str, address: str, example: str) -> str:
    """Return an address that a person gave, refusing what is none of the web or carries a password."""
    if web_address(address) is None or not _IN_A_SHELL.fullmatch(address) or "@" in address.split("/")[2]:
        raise ActisegError(f"{option}: expected an address of the web without a user's name, as {example}")
    return address


def install_command(address: str | None) -> str:
    """Return how pip installs this tool: from an archive, a repository, or, where no address is known, by its name.

    >>> install_command("https://example.org/actiseg-nl")
    'pip install "actiseg-nl @ git+https://example.org/actiseg-nl"'
    >>> install_command("https://example.org/actiseg_nl-0.1.0-py3-none-any.whl")
    'pip install "actiseg-nl @ https://example.org/actiseg_nl-0.1.0-py3-none-any.whl"'
    """
    if address is None:
        return f'pip install "{PACKAGE}=={tool_version()}"'
    return f'pip install "{PACKAGE} @ {address if _ARCHIVE.search(address) else f"git+{address}"}"'
