"""Folders that have an address, such as ``hf://datasets/owner/name@revision/train/m`` or ``s3://bucket/m``.

Whatever ``fsspec`` opens is read and written here, file by file and by name. A user's name, password or query may be
part of an address and is used for opening it alone: no message and no name of a file has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError, DataError, MissingExtraError

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/+(?P<rest>[^/\\].*)", re.DOTALL)  # one letter is a drive
_PINNED = re.compile(r"hf://[^/]+(/[^/@]+)*@[0-9a-f]{40}(/|$)")
_REPOSITORY = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+)(@[^/]+)?")
_DIGEST = "#digest="
_HEX = re.compile(r"[0-9a-f]{8,64}")
_EMBEDDED = re.compile(r"([a-z][a-z0-9+.-]+)://[^\s'\"<>()]*", re.IGNORECASE)
_PIECE = 1 << 20
_HUB = "hf"
_LIBRARIES = {_HUB: "huggingface_hub", "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}


class RemoteError(DataError):
    """An address that cannot be read or written, or whose content is not what it should be."""


@dataclass(frozen=True)
class Address:
    """Where a folder is.

    Attributes:
        digest: of the labels that are expected there, or the first of its digits; None: any.
    """

    _place: str
    _query: str
    digest: str | None = None

    def __str__(self) -> str:
        """Return the address without a user's name, password or query, and with its digest."""
        return f"{self.folder}{'' if self.digest is None else f'{_DIGEST}{self.digest}'}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    @property
    def folder(self) -> str:
        """Return the address without credentials and without a digest."""
        return _without_user(self._place)

    @property
    def name(self) -> str:
        """Return the folder's own name."""
        return self.folder.rpartition("/")[2]

    @property
    def repo_id(self) -> str | None:
        """Return ``owner/name`` of a dataset repository of the hub, where the address is one."""
        match = _REPOSITORY.fullmatch(self._place)
        return match["name"] if match else None

    @property
    def scheme(self) -> str:
        """Return the kind of address: ``hf``, ``s3``, ``file``."""
        return self._place.partition(":")[0]

    @property
    def is_pinned(self) -> bool:
        """Return whether what is there is decided by the address: by a digest, or by a commit of the hub."""
        return self.digest is not None or _PINNED.match(self._place) is not None

    def url_of(self, name: str) -> str:
        """Return the address of a file in the folder, as it is opened: with what opens it."""
        return f"{self._place}/{name}{self._query}"

    def plain(self, text: str) -> str:
        """Return a message of a library without what opens this address, nor any other."""
        text = _EMBEDDED.sub(lambda match: _without_user(match[0].partition("?")[0]), text)
        for secret in filter(None, (self._query.lstrip("?"), _user_of(self._place))):
            text = text.replace(secret, "…")
        return " ".join(text.split())


def _user_of(place: str) -> str:
    """Return ``name:password`` of an address, '' where it has none; the hub's ``@`` is before a revision."""
    scheme, _, rest = place.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    return user if at and scheme != _HUB else ""


def _without_user(place: str) -> str:
    user = _user_of(place)
    return place.replace(f"{user}@", "", 1) if user else place


def find_address(path: str | Path) -> Address | None:
    r"""Return the address that a text is, or a path that was made of one and lost a slash; None for a path of a disk.

    >>> find_address("hf://datasets/a/b@main/train/m"), find_address(Path("s3://bucket/m"))
    (Address('hf://datasets/a/b@main/train/m'), Address('s3://bucket/m'))
    >>> [find_address(path) for path in ("out/m", "C:/out/m", "C:\\out", "a:b/c")]
    [None, None, None, None]

    Raises:
        RemoteError: the digest after ``#`` is none.
    """
    text = path.as_posix() if isinstance(path, Path) else str(path)
    match = _ADDRESS.fullmatch(text)
    if match is None or Path(path).exists():
        return None
    place, _, fragment = match["rest"].partition("#")
    place, mark, query = place.partition("?")
    slashes = ":///" if match["scheme"] in ("file", "local") else "://"
    digest = f"#{fragment}".removeprefix(_DIGEST).lower() if fragment else None
    address = Address(f"{match['scheme']}{slashes}{place.rstrip('/')}", f"{mark}{query}", digest)
    if digest is not None and not _HEX.fullmatch(digest):
        raise RemoteError(f"{address.folder}: expected {_DIGEST} and 8 to 64 digits of the labels' digest after it")
    return address


def shown(path: str | Path) -> str:
    """Return a path, or an address without what opens it, for a message.

    >>> shown("https://me:word@example.org/m?token=1"), shown("out/m")
    ('https://example.org/m', 'out/m')
    """
    return str(find_address(path) or path)


class RemoteFolder:
    """The files of an address.

    Raises:
        MissingExtraError: ``fsspec`` is not installed. RemoteError: nothing here opens such an address.
    """

    def __init__(self, address: Address) -> None:
        if find_spec("fsspec") is None:
            raise MissingExtraError(f"the address {address}", "fsspec", "remote")
        import fsspec

        self.address = address
        try:
            self._files, _ = fsspec.core.url_to_fs(address.url_of(""))
        except ImportError:
            library = _LIBRARIES.get(address.scheme)
            advice = f": pip install {library}" if library else ""
            raise RemoteError(f"{address}: a library that opens {address.scheme}:// is not installed{advice}") from None
        except Exception as error:  # every library has errors of its own
            raise RemoteError(f"{address}: cannot be opened ({address.plain(str(error))})") from None

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of a small file.

        Raises:
            RemoteError: it is not there, or larger than ``most``.
        """
        data = bytearray()
        for piece in self._pieces(name):
            data += piece
            if len(data) > most:
                raise RemoteError(f"{self.address}: {name} has more than {most:,} bytes")
        return bytes(data)

    def fetch(self, name: str, place: Path, size: int) -> None:
        """Copy a file to ``place``, whole or not at all.

        Args:
            size: the bytes that it has.

        Raises:
            RemoteError: it is not there, or has another size. WriteError: ``place`` cannot be written.
        """
        count = 0
        with whole_file(place) as partial, partial.open("wb") as file:
            for piece in self._pieces(name):
                count += len(piece)
                if count > size:
                    break
                file.write(piece)
            if count != size:
                found = "breaks off after" if count < size else "is longer than"
                raise RemoteError(
                    f"{self.address}: {name} {found} {min(count, size):,} bytes, {size:,} were expected; fetch it "
                    "again, or ask whoever published it"
                )

    def _pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes, piece by piece."""
        with self._named(name), self._files.open(self.address.url_of(name), "rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def names(self) -> list[str]:
        """Return the paths of all files there, relative to the folder; none where there is no such folder."""
        return list(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return path → bytes of all files there, the paths relative to the folder and in order; see :meth:`names`."""
        with self._named("its files"):
            self._files.invalidate_cache()
            root = self._files._strip_protocol(self.address.url_of("")).rstrip("/")
            try:
                found = self._files.find(root, detail=True)
            except FileNotFoundError:
                return {}
            return {path.removeprefix(root).lstrip("/"): int(about["size"]) for path, about in sorted(found.items())}

    def put(self, source: Path, name: str) -> None:
        """Write a file of the disk to the address.

        Raises:
            RemoteError: it cannot be written.
        """
        with self._named(name):
            path = self._files._strip_protocol(self.address.url_of(name))
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.put_file(str(source), path)

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            RemoteError: it cannot be removed.
        """
        with self._named(name):
            self._files.rm_file(self._files._strip_protocol(self.address.url_of(name)))

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Turn what a library says into one line that names address and file and nothing secret."""
        try:
            yield
        except ActisegError:
            raise
        except FileNotFoundError:
            raise RemoteError(
                f"{self.address}: no {name} there, or nobody answers; is the address right, and may you use it?"
            ) from None
        except ImportError as error:
            raise RemoteError(f"{self.address}: needs the library {error.name or 'of its kind'} to be opened") from None
        except Exception as error:  # every library has errors of its own
            said = self.address.plain(str(getattr(error, "strerror", None) or error))
            raise RemoteError(f"{self.address}: {name}: {type(error).__name__}{f', {said}' if said else ''}") from None


def upload_folder(folder: Path, names: Sequence[str], address: Address, log: Callable[[str], None]) -> None:
    """Write files of a folder to an address, in the order of ``names``; what was written is removed if one fails.

    Raises:
        RemoteError: one of them cannot be written; the message says which.
    """
    there = RemoteFolder(address)
    written: list[str] = []
    try:
        for name in names:
            there.put(folder / name, name)
            written.append(name)
            log(f"uploaded: {name}")
    except BaseException:
        for name in reversed(written):
            with suppress(ActisegError):
                there.remove(name)
        raise
