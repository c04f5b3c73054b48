"""The page of ``listen`` in a real browser: what comes out of it, and what its controls do."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from listening import HITS, SECONDS, recording, rendered, written
from scipy.signal import correlate

from drummernet import SAMPLE_RATE

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="neither Chromium nor Chrome is installed")

BLOCK_SAMPLES = 2048
CAPTURE = """
window.captured = [];
const source = `
  registerProcessor("tap", class extends AudioWorkletProcessor {
    block = [];
    process([[heard]]) {
      this.block.push(...(heard ?? new Float32Array(128)));
      if (this.block.length >= BLOCK_SAMPLES) this.port.postMessage(this.block.splice(0));
      return true;
    }
  });`;
const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (to, ...others) {
  const { context } = this;
  if (to === context.destination) {
    if (!window.tap) {
      window.tap = new GainNode(context);
      const module = `data:text/javascript,${encodeURIComponent(source)}`;
      // What is not running yet, the page waits for.
      Object.defineProperty(context, "state", { get: () => (window.keeper ? "running" : "suspended") });
      context.resume = async () => {
        await context.audioWorklet.addModule(module);
        const keeper = new AudioWorkletNode(context, "tap");
        connect.call(connect.call(window.tap, keeper), to);
        await new Promise((isHeard) => {
          keeper.port.onmessage = ({ data }) => isHeard(window.captured.push(...data));
        });
        window.keeper = keeper;
      };
    }
    connect.call(this, window.tap);
  }
  return connect.call(this, to, ...others);
};
""".replace("BLOCK_SAMPLES", str(BLOCK_SAMPLES))
"""Whatever goes to the loudspeaker is kept, sample by sample, by the thread that makes the sound: however
busy the page is, nothing is lost. The page waits for it before it plays for the first time."""


@pytest.fixture(scope="module")
def chromium() -> Iterator["api.Browser"]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("listen") / "page.html")


@pytest.fixture
def open_page(chromium, path):
    """Open the page; whatever it fetches, complains of or throws fails the test in the end."""
    contexts, troubles = [], []

    def opened(width: int = 1280, scheme: str = "light", url: str = path.as_uri()) -> "api.Page":
        contexts.append(chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(90_000)
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if is_own(request.url, url) else troubles.append(request.url))
        page.add_init_script(CAPTURE)
        page.goto(url)
        page.wait_for_selector("#player:not([hidden])")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def is_own(request: str, url: str) -> bool:
    return request == url or request.startswith("data:")  # that of CAPTURE


def time(page) -> str:
    return page.text_content("#time").split(" / ")[0]


def wait_for(page, at: str) -> None:
    page.wait_for_function(f"document.querySelector('#time').textContent >= '{at}'")


def play_until(page, at: str, start_seconds: float = 0.0) -> np.ndarray:
    """Play from one place to about another; return what came out."""
    page.locator("#seek").fill(str(start_seconds))
    settle(page)
    page.evaluate("window.captured = []")
    page.click("#play")
    wait_for(page, at)
    page.click("#play")
    return captured(page)


def captured(page) -> np.ndarray:
    """Return what came out up to now, and a little after it."""
    page.evaluate(f"window.wanted = window.captured.length + {4 * BLOCK_SAMPLES}")
    page.wait_for_function("window.captured.length >= window.wanted")
    return np.array(page.evaluate("window.captured"))


def assert_plays(
    heard: np.ndarray, wanted: np.ndarray, end_seconds: float, start_seconds: float = 0.0
) -> None:
    """Compare what came out with that part of what should, at its level, and nothing before it."""
    start, end = round(start_seconds * SAMPLE_RATE), round(end_seconds * SAMPLE_RATE)
    fade = 100 if start else 0  # samples in which what is started in its middle comes in
    wanted = wanted[start + fade : end]
    lag = int(np.argmax(correlate(heard, wanted, mode="valid")))
    assert heard[lag : lag + len(wanted)] == pytest.approx(wanted, abs=0.01)
    assert np.abs(heard[: lag - fade]).max(initial=0.0) < 0.001


def full(audio: np.ndarray) -> np.ndarray:
    return 0.9 * audio / np.abs(audio).max()


def drums_without(*components: str) -> np.ndarray:
    """Return the hits of the other components (N,), at the level that they have among all."""
    kept = tuple(hit for hit in HITS if hit.component not in components)
    return 0.9 * rendered(kept) / np.abs(rendered()).max()


def playhead_x(page) -> int:
    """Return where the picture has its one opaque column, in pixels from the picture's left."""
    return page.evaluate("""() => {
      const canvas = document.querySelector("canvas");
      const row = canvas.getContext("2d").getImageData(0, 1, canvas.width, 1).data;
      return row.findIndex((value, i) => i % 4 === 3 && value === 255) >> 2;
    }""")


def drawn(page, name: str, seconds: float) -> int:
    """Return how opaque the picture is at the foot of a drum's lane, from 0 to 255, within a bar."""
    return page.evaluate(
        """([name, share]) => {
      const row = [...document.querySelectorAll(".row")].find((row) => row.textContent.includes(name));
      const lane = row.querySelector(".lane").getBoundingClientRect();
      const canvas = document.querySelector("canvas");
      const place = canvas.getBoundingClientRect();
      const [x, y] = [lane.left + share * lane.width + 3 - place.left, lane.bottom - 4 - place.top];
      return canvas.getContext("2d").getImageData(x, y, 1, 1).data[3];
    }""",
        [name, seconds / SECONDS],
    )


def settle(page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_recording_and_hits_come_out_together(open_page):
    page = open_page()
    assert page.evaluate("typeof window.tap") == "undefined"  # silent before the first gesture
    heard = play_until(page, "0:01.2")
    assert page.text_content("#play").endswith("Play")
    assert_plays(heard, (full(recording()) + full(rendered())) / 2, 1.1)
    assert "0:01.2" <= time(page) < "0:04.0"


def test_a_drum_is_switched_off_and_another_alone(open_page):
    page = open_page()
    assert drawn(page, "Snare drum", 1.0) > 200
    page.get_by_label("Snare drum, 2 hits").uncheck()
    page.get_by_label("Open hi-hat, 2 hits").uncheck()
    settle(page)
    assert 0 < drawn(page, "Snare drum", 1.0) < 50 < drawn(page, "Kick drum", 0.25)
    heard = play_until(page, "0:01.2")
    assert_plays(heard, (full(recording()) + drums_without("SD", "OHH")) / 2, 1.1)
    page.get_by_role("button", name="Solo Snare drum").click()
    settle(page)
    assert drawn(page, "Kick drum", 0.25) < 50 < drawn(page, "Snare drum", 1.0)
    page.locator("#balance").fill("1")
    heard = play_until(page, "0:01.2")
    assert_plays(heard, drums_without("KD", "OHH", "CHH"), 1.1)


def test_switching_acts_at_once_on_what_is_scheduled(open_page):
    page = open_page()
    page.locator("#balance").fill("1")
    page.locator("#seek").fill("2")
    page.keyboard.press("Space")
    page.get_by_label("Kick drum, 3 hits").uncheck()  # the third is at 3 s
    wait_for(page, "0:03.2")
    heard = captured(page)
    assert len(heard) > SAMPLE_RATE
    assert np.abs(heard).max() < 1e-4


def test_what_rings_already_is_heard_from_its_middle(open_page):
    page = open_page()
    heard = play_until(page, "0:01.4", start_seconds=0.9)
    assert_plays(heard, (full(recording()) + full(rendered())) / 2, 1.2, start_seconds=0.9)


def test_balance(open_page):
    page = open_page()
    page.locator("#balance").fill("0")
    assert page.get_attribute("#balance", "aria-valuetext") == "recording only"
    assert_plays(play_until(page, "0:00.8"), full(recording()), 0.7)


def test_seeking(open_page):
    page = open_page()
    first = playhead_x(page)
    page.locator("#seek").fill("3")
    settle(page)
    assert time(page) == "0:03.0"
    lane = page.locator("#wave").bounding_box()
    assert playhead_x(page) - first == pytest.approx(3 / SECONDS * lane["width"], abs=2)
    for row in (page.locator("#wave"), page.locator(".lane").last):
        for share in (0.25, 0.5):
            row.click(position={"x": share * lane["width"] + 1, "y": 8})
            settle(page)
            assert time(page) == {0.25: "0:01.0", 0.5: "0:02.0"}[share]
    for key, wanted in (
        ("ArrowRight", "0:03.0"),
        ("Shift+ArrowLeft", "0:00.0"),
        ("End", "0:04.0"),
        ("ArrowLeft", "0:03.0"),
        ("Home", "0:00.0"),
    ):
        page.keyboard.press(key)
        settle(page)
        assert time(page).startswith(wanted)
    page.keyboard.press("ArrowRight")
    page.click("#play")
    page.locator("#seek").fill("2.5")  # while it plays
    wait_for(page, "0:02.7")
    assert page.text_content("#play").endswith("Pause")
    assert playhead_x(page) - first > 2.5 / SECONDS * lane["width"]


def test_space_plays_unless_a_control_was_reached_by_keys(open_page):
    page = open_page()
    box = page.get_by_label("Kick drum, 3 hits")
    box.click()
    assert not box.is_checked()
    page.keyboard.press("Space")
    wait_for(page, "0:00.1")
    assert not box.is_checked()
    page.keyboard.press("Space")
    assert page.text_content("#play").endswith("Play")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert box.is_checked()
    assert page.text_content("#play").endswith("Play")


def test_it_ends_and_begins_again(open_page):
    page = open_page()
    page.locator("#seek").fill("3.7")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#play').textContent.endsWith('Pause')")
    page.wait_for_function("document.querySelector('#play').textContent.endsWith('Play')")
    settle(page)
    assert time(page) == "0:04.0"
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#time').textContent < '0:03'")
    assert page.text_content("#play").endswith("Pause")


def test_the_picture_zooms_and_turns_its_page(open_page):
    page = open_page()
    roll = "document.querySelector('#roll')"
    assert page.locator("#view option").all_text_contents() == ["2 s", "All"]
    assert page.evaluate(f"{roll}.scrollWidth === {roll}.clientWidth")
    page.keyboard.press("+")
    assert page.input_value("#view") == "2"
    label = page.locator(".label").last.bounding_box()
    page.keyboard.press("Home")
    page.locator("#seek").fill("1.8")
    page.keyboard.press("Space")
    page.wait_for_function(f"{roll}.scrollLeft > 500")
    assert page.locator(".label").last.bounding_box() == label  # the names stay
    wait_for(page, "0:02.1")
    assert playhead_x(page) < page.evaluate(f"{roll}.clientWidth") / 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(open_page, scheme):
    page = open_page(390, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#wave").bounding_box()["width"] >= 340
    for place in page.locator("#controls > *, .label button, .label input").all():
        box = place.bounding_box()
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    page.locator(".lane").last.click(position={"x": 100, "y": 8})
    page.click("#play")
    assert drawn(page, "Kick drum", 0.25) > 100


def test_without_hits_it_plays_the_recording(open_page, tmp_path):
    page = open_page(url=written(tmp_path / "none.html", hits=()).as_uri())
    assert page.text_content("#notice") == "No drums were heard in this recording."
    page.locator("#balance").fill("0")
    assert_plays(play_until(page, "0:00.4"), full(recording()), 0.3)
