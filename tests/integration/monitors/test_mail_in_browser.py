"""A mail as a reader shows it: in a real browser, light and dark, on a desk and on a phone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.sync_api import Browser, Page

from monitors.alerts.email import EmailChannel
from monitors.alerts.groups import History, Notice, Point, Words
from monitors.settings import EmailSettings
from storage.records import AlertStatus, Bounds, Severity
from tests.helpers.alerts import AT, a_notice, an_alert
from tests.helpers.browser import PICTURES, chromium

pytestmark = pytest.mark.xdist_group("mail-pages")  # what they share is set up once

CHANNEL = EmailChannel(
    settings=EmailSettings(host="localhost", sender="watch@example.org", to=("ops@example.org",)),
    recipient="ops@example.org",
    dashboard_url="https://watch.example.org",
)
EVIL = (
    "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    "</title><svg onload=\"document.title='ran'\">'\"`{{7*7}}\r\n\u202eexe.gnp" + "W" * 200
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def html_of(notice: Notice) -> str:
    """The HTML of the mail, its pictures inside it, as a reader of mails puts them."""
    mail = message_from_bytes(CHANNEL.render(notice).body, policy=default)
    body = mail.get_body(("html",))
    assert body is not None
    html = str(body.get_content())
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            written = base64.b64encode(part.get_content()).decode()
            html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:image/png;base64,{written}")
    return html


def open_mail(
    browser: Browser, html: str, *, scheme: str = "light", width: int = 640
) -> tuple[Page, list[str]]:
    """A page with the mail, and what it asked for over the network or did by script."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    done: list[str] = []
    page.on(
        "request", lambda request: done.append(request.url) if not request.url.startswith("data:") else None
    )
    page.on("dialog", lambda dialog: done.append(f"a dialog: {dialog.message}"))
    page.set_content(html)
    return page, done


def a_full_notice() -> Notice:
    alerts = [
        replace(an_alert("age"), severity=Severity.CRITICAL),
        an_alert("a_column_with_a_name_that_nobody_would_ever_want_to_type_but_that_is_there_all_the_same"),
    ]
    over = an_alert("loan", status=AlertStatus.RESOLVED)
    history = History(
        fingerprint=alerts[0].fingerprint,
        points=tuple(
            Point(at=AT + timedelta(hours=n - 30), value=0.3 if n > 30 else 0.03, low=0.02, high=0.35)
            for n in range(40)
        ),
        bounds=Bounds(upper=0.1),
    )
    words = Words(text="Check what feeds the model.", runbook="https://wiki.example.org/drift")
    notice = a_notice(*alerts, over, standing=(an_alert("plan"),))
    return replace(notice, histories=(history,), about={alerts[0].fingerprint: words})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [640, 360])
def test_a_mail_fits_its_reader_and_can_be_read(browser: Browser, scheme: str, width: int) -> None:
    page, done = open_mail(browser, html_of(a_full_notice()), scheme=scheme, width=width)

    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"mail-{scheme}-{width}.png", full_page=True)
    assert done == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('.card').offsetWidth") <= 600
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0 && image.alt)")
    assert min(page.evaluate(_CONTRASTS)) >= 4.5, "WCAG AA for text"
    page.context.close()


def test_no_script_from_outside_runs_in_a_mail(browser: Browser) -> None:
    evil = an_alert(EVIL, model=EVIL, rule=EVIL, slice_=f"country={EVIL}", summary=EVIL)
    notice = a_notice(evil, replace(evil, status=AlertStatus.RESOLVED, ends_at=AT), standing=(evil,))
    words = Words(text=EVIL, runbook="javascript:document.title='ran'", labels={"x": EVIL})

    page, done = open_mail(browser, html_of(replace(notice, about={evil.fingerprint: words}, held=(EVIL,))))

    assert done == []
    assert page.title().startswith("[FIRING:2]")
    assert page.evaluate("document.scripts.length + document.querySelectorAll('svg, img').length") == 0
    places = page.evaluate("[...document.links].map(link => link.origin + link.pathname)")
    assert places == ["https://watch.example.org/alerts"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    page.context.close()


_CONTRASTS = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== 'rgba(0, 0, 0, 0)') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const written = [...document.querySelectorAll('body *')].filter(
    element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  return written.map(element => {
    const [high, low] = [light(getComputedStyle(element).color), light(paper(element))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  });
}"""
"""The contrast of every written text to what lies behind it, as WCAG 2.2 reckons."""
