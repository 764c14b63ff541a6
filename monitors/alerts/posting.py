"""One POST to an address of the settings: guarded, bounded, and with nothing of the address in its errors."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from monitors.errors import ChannelError
from monitors.settings import HttpSettings
from storage.clock import Clock, utc_now

LONGEST_WAIT_S = 24 * 3600.0
"""More than this a receiver cannot ask us to wait."""
_TEMPORARY = frozenset({408, 425, 429})
_READ_BYTES = 4096
# NAT64 (RFC 6052), and what IPv4-compatible addresses were: the last 32 bits are an address of IPv4.
_CARRYING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_CODE = re.compile(r"[a-z][a-z_]{2,60}")

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host."""


def addresses_of(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """Posts to the one address of its settings. `where` is the section of the settings, for errors.

    The address is looked up and checked at each message, and the connection goes to what was checked: a name
    that points inward later reaches nothing. Requests go straight to the transport, so that no redirect is
    followed, no cookie kept, and no address logged.
    """

    settings: HttpSettings
    where: str
    resolve: Resolver = addresses_of
    clock: Clock = utc_now

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Return when the other side answers 2xx. Raises `ChannelError` otherwise."""
        try:
            url = httpx.URL(self.settings.url.get_secret_value())
            self._judge(self._answer(url, body, headers))
        except httpx.TimeoutException as exc:
            raise ChannelError(f"{self.where}: no answer in {self.settings.timeout_s:g} s") from exc
        except (httpx.ConnectError, OSError) as exc:  # speaks of hosts and certificates
            raise ChannelError(f"{self.where}: not reached: {type(exc).__name__}: {exc}") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:  # may quote what was sent
            raise ChannelError(f"{self.where}: not reached: {type(exc).__name__}") from exc

    def knock(self) -> str:
        """Look the address up and connect, but send nothing. Returns the host. Raises `ChannelError`."""
        try:
            url = httpx.URL(self.settings.url.get_secret_value())
            address = self._checked(url)[0]
            socket.create_connection((address, _port(url)), timeout=self.settings.timeout_s).close()
        except (OSError, httpx.InvalidURL) as exc:
            raise ChannelError(f"{self.where}: not reached: {type(exc).__name__}") from exc
        return url.host

    def _answer(self, url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """The first of its addresses that can be reached answers."""
        *others, last = self._checked(url)
        with httpx.HTTPTransport(verify=self._trust(), trust_env=False) as transport:
            for address in others:
                try:
                    return self._ask(transport, url, address, body, headers)
                except httpx.ConnectError:
                    continue
            return self._ask(transport, url, last, body, headers)

    def _ask(
        self,
        transport: httpx.HTTPTransport,
        url: httpx.URL,
        address: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={
                "Host": url.netloc.decode("ascii"),
                "Content-Type": "application/json",
                "User-Agent": "inferwatch",
                **headers,
            },
            extensions={
                "timeout": httpx.Timeout(self.settings.timeout_s).as_dict(),
                "sni_hostname": url.host,
            },
        )
        response = transport.handle_request(request)
        try:
            return httpx.Response(
                response.status_code, headers=response.headers, content=_beginning(response)
            )
        finally:
            response.close()

    def _checked(self, url: httpx.URL) -> Sequence[str]:
        """The addresses to try, if none of them is one that alerts should not go to."""
        try:
            found = self.resolve(url.host, _port(url))
        except (OSError, UnicodeError) as exc:
            raise ChannelError(f"{self.where}: its host has no address: {type(exc).__name__}") from exc
        for address in found:
            if not allowed(address, private=self.settings.private):
                raise ChannelError(
                    f"{self.where}: its host has the address {address}, which is not public; "
                    f"if that is meant, set {self.where}.private to true"
                )
        if not found:
            raise ChannelError(f"{self.where}: its host has no address")
        return found

    def _trust(self) -> ssl.SSLContext:
        if self.settings.ca_file is None:
            return httpx.create_ssl_context(trust_env=False)
        return ssl.create_default_context(cafile=self.settings.ca_file)

    def _judge(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        code = answer.status_code
        word = _CODE.fullmatch(
            answer.text.strip()
        )  # `invalid_token` is a help; other words may repeat secrets
        said = f"{self.where}: answered {code}" + (f" {word[0]}" if word else "")
        if answer.has_redirect_location:
            raise ChannelError(f"{said}, a redirect, which is not followed; set the final address")
        raise ChannelError(
            said,
            permanent=400 <= code < 500 and code not in _TEMPORARY,
            retry_after_s=retry_after_s(answer.headers.get("Retry-After"), self.clock()),
        )


def allowed(address: str, *, private: bool) -> bool:
    """Whether alerts may go to an IP address. Link-local ones never: clouds keep their secrets there."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = _carried(ip)
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.is_global or private


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that one of IPv6 stands for, if it does: where it leads in the end."""
    if ip.ipv4_mapped is not None or ip.sixtofour is not None:
        return ip.ipv4_mapped or ip.sixtofour or ip
    if int(ip) > 1 and any(ip in network for network in _CARRYING):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After asks for, as a number or as a date. None: nothing that can be read."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return min(float(text), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), LONGEST_WAIT_S)


def _port(url: httpx.URL) -> int:
    return url.port or (80 if url.scheme == "http" else 443)


def _beginning(response: httpx.Response) -> bytes:
    """As much of a body as says why."""
    taken = b""
    for part in response.iter_raw(_READ_BYTES):
        taken += part
        if len(taken) >= _READ_BYTES:
            break
    return taken[:_READ_BYTES]
