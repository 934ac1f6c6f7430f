"""Opens a page in a real browser and tells what it finds, as JSON.

    browser.py PAGE [--shots FOLDER]

Nothing but Python's own library: the browser is spoken to over two pipes (--remote-debugging-pipe). Told are messages of the
console, requests for anything but the page, the numbers of each table by its caption, what is wrong with headings, names and
contrast, how far the page sticks out of a phone and of paper, and how many pages it prints. With --shots it takes pictures.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SWITCHES = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--font-render-hinting=none", "--force-device-scale-factor=1", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
]

# A4 across, less its margins, is 269 mm by 182 mm.
DESKTOP, PHONE, PAPER = (1280, 900), (390, 844), (1016, 687)

# What a person would see of the page, asked of the page itself.
LOOK = r"""
(() => {
  const said = cell => { const data = cell.querySelector('data'); return data ? data.value : cell.textContent.trim(); };
  const tables = [...document.querySelectorAll('table')].map(table => ({
    caption: table.caption ? table.caption.firstChild.textContent.trim() : null,
    report: table.closest('section') ? table.closest('section').getAttribute('aria-labelledby') : null,
    section: table.dataset.section || null, currency: table.dataset.currency || '',
    scopes: [...table.querySelectorAll('th')].every(th => th.scope),
    rows: [...table.tBodies[0].rows].map(row => [...row.cells].map(said)),
    totals: table.tFoot ? [...table.tFoot.rows[0].cells].map(said) : null,
  }));
  const numbers = [...document.querySelectorAll('data')].map(data => [data.value, data.textContent]);
  const cards = [...document.querySelectorAll('.card')].map(card => ({
    currency: card.closest('dl').previousElementSibling.textContent,
    label: card.querySelector('dt').textContent, value: card.querySelector('data').value,
    change: card.querySelector('.change').textContent.trim(),
  }));
  const levels = [...document.querySelectorAll('h1,h2,h3,h4')].map(heading => +heading.tagName[1]);
  const skipped = levels.filter((level, at) => at > 0 && level > levels[at - 1] + 1).length;
  const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
  const missing = [...document.querySelectorAll('[aria-labelledby]')].flatMap(element => element.getAttribute('aria-labelledby').split(' ')).filter(id => !document.getElementById(id));
  const anchors = [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1)).filter(id => !document.getElementById(id));
  const images = [...document.querySelectorAll('svg')].filter(svg => svg.getAttribute('role') !== 'img' || !svg.querySelector('title') || !svg.querySelector('desc')).length;
  return { title: document.title, lang: document.documentElement.lang, tables, numbers, cards,
    charts: document.querySelectorAll('svg').length, bars: document.querySelectorAll('svg rect').length,
    landmarks: ['main', 'nav', 'header'].filter(name => document.querySelectorAll(name).length === 1),
    h1: levels.filter(level => level === 1).length, skipped, missing, anchors, images,
    doubled: ids.filter((id, at) => ids.indexOf(id) !== at) };
})()
"""

# Text against what is behind it, by WCAG 2: 4.5 to 1, and 3 to 1 for large letters.
CONTRAST = r"""
(() => {
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const behind = element => { for (; element; element = element.parentElement) { const c = rgb(getComputedStyle(element).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const found = new Set(), seen = new Set();
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    if (element.closest('title,desc') || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), isDrawn = element.closest('svg');
    const ink = rgb(isDrawn ? style.fill : style.color), paper = behind(isDrawn ? element.closest('svg').parentElement : element);
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen.add(ink + '/' + paper);
    if (ratio < (isLarge ? 3 : 4.5)) found.add(`${ratio.toFixed(2)}: ${ink} on ${paper}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return { found: [...found], pairs: seen.size };
})()
"""

WIDTH = "({ page: document.documentElement.scrollWidth, window: innerWidth, small: [...document.querySelectorAll('p,td,dd,th,li')].filter(e => e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 11).length })"

# What would make a browser shrink all that it prints, and the smallest letters in points: those of charts as they are drawn.
PRINT = r"""
(() => {
  const seen = [...document.querySelectorAll('body *')].filter(element => element.getClientRects().length && !element.closest('.unseen'));
  const wide = seen.filter(element => element.getBoundingClientRect().right > innerWidth + 1 || element.scrollWidth > innerWidth + 1);
  const texts = seen.filter(element => !element.closest('title,desc') && [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
  const size = element => parseFloat(getComputedStyle(element).fontSize) * (element.closest('svg') ? element.getScreenCTM().a : 1) * .75;
  const small = texts.filter(element => size(element) < 7.95).map(element => `${size(element).toFixed(2)} pt: ${element.textContent.trim().slice(0, 40)}`);
  return { page: document.documentElement.scrollWidth, window: innerWidth, texts: texts.length, small: [...new Set(small)],
    wide: wide.map(element => `${element.tagName} ${Math.ceil(element.getBoundingClientRect().right)} ${(element.caption || element).textContent.trim().slice(0, 40)}`) };
})()
"""


def program():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    sys.exit("no chromium, chromium-browser or google-chrome; install one with: scripts/test-tools.sh pages")


class Browser:
    """A browser and one page in it."""

    def __init__(self, profile):
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()

        def prepare():
            # It reads from 3 and writes to 4, which may be ours: so both go out of the way first.
            low = os.dup(to_browser)
            high = os.dup(from_browser)
            while low < 10:
                low = os.dup(low)
            while high < 10:
                high = os.dup(high)
            os.dup2(low, 3)
            os.dup2(high, 4)

        command = [program(), *SWITCHES, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, preexec_fn=prepare, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self.out, self.into = os.fdopen(ours_out, "wb", 0), os.fdopen(ours_in, "rb", 0)
        self.rest, self.number, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def message(self):
        while b"\0" not in self.rest:
            piece = self.into.read(1 << 20)
            if not piece:
                sys.exit("the browser ended")
            self.rest += piece
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(f"{expression[:80]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def window(self, size, scheme="light", media="screen", scale=1):
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shot(self, path, height=None, top=0, scale=1):
        width = self.ask("innerWidth")
        clip = {"x": 0, "y": top, "width": width, "height": height or self.ask("innerHeight"), "scale": scale}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def end(self):
        self.out.write(json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def console(events):
    told = []
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            told.append(f"{params['type']}: {params['args']}")
        elif method == "Runtime.exceptionThrown":
            told.append(f"exception: {params['exceptionDetails']}")
        elif method == "Log.entryAdded":
            told.append(f"{params['entry']['level']}: {params['entry']['text']}")
    return told


def requests(events, page):
    asked = [event["params"]["request"]["url"] for event in events if event.get("method") == "Network.requestWillBeSent"]
    return [url for url in asked if url != page]


def pictures(browser, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, size, scheme, media in [
        ("desktop", DESKTOP, "light", "screen"), ("dark", DESKTOP, "dark", "screen"), ("phone", PHONE, "light", "screen"), ("print", PAPER, "light", "print"),
    ]:
        browser.window(size, scheme, media)
        browser.ask("scrollTo(0, 0)")
        browser.shot(folder / f"{name}.png")
        browser.shot(folder / f"{name}-whole.png", height=min(browser.ask("document.documentElement.scrollHeight"), 16000))


def main():
    page = pathlib.Path(sys.argv[1]).resolve().as_uri()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                browser.call(f"{domain}.enable")
            browser.window(DESKTOP)
            browser.call("Page.navigate", url=page)
            browser.wait("Page.loadEventFired")
            told = browser.ask(LOOK)
            told["contrast"] = {}
            for scheme in ("light", "dark"):
                browser.window(DESKTOP, scheme)
                told["contrast"][scheme] = browser.ask(CONTRAST)
            browser.window(DESKTOP, media="print")
            told["contrast"]["print"] = browser.ask(CONTRAST)
            told["paper_hides"] = browser.ask("['nav', '.skip'].every(name => !document.querySelector(name) || !document.querySelector(name).getClientRects().length)")
            browser.window(PAPER, media="print")
            told["print"] = browser.ask(PRINT)
            browser.window(PHONE)
            told["phone"] = browser.ask(WIDTH)
            browser.window(DESKTOP)
            pdf = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
            told["pages"] = base64.b64decode(pdf).count(b"/Type /Page\n") + base64.b64decode(pdf).count(b"/Type /Page/")
            if "--shots" in sys.argv:
                pictures(browser, pathlib.Path(sys.argv[sys.argv.index("--shots") + 1]))
            told["console"], told["requests"] = console(browser.events), requests(browser.events, page)
        finally:
            browser.end()
    json.dump(told, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
