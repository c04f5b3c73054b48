"use strict";
/* Plays a recording and the hits that were heard in it from one clock, and draws both as a piano-roll. */
(() => {
  const FADE = 0.005; // seconds in which what is cut fades, lest it click
  const GLIDE = 0.01; // time constant of what is switched, in seconds
  const AHEAD = 1.5; // seconds; timers of a hidden page come once in a second
  const PUMP_MS = 100;
  const HEAD_START = 0.03; // seconds from the gesture to the first sound, so that all start together
  const PEAKS_PER_SECOND = 400;
  const GLOW = 0.15; // seconds for which a hit that sounds is marked
  const VIEWS = [2, 5, 10, 20, 30, 60, 120, 300, 600];
  const LEAST_PX_PER_SECOND = 60; // of the view that is chosen first
  const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
  const TICK_TEXT_PX = 40;

  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const { seconds, drums } = data;
  const [play, seek, balance, view] = ["play", "seek", "balance", "view"].map($);
  const [roll, track] = ["roll", "track"].map($);
  const canvas = document.querySelector("#picture canvas");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const clock = (at, digits) => {
    const tenths = Math.floor(at * 10 + 1e-6);
    const whole = Math.floor(tenths / 10);
    const text = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    return digits ? `${text}.${tenths % 10}` : text;
  };

  // --- Sound ---------------------------------------------------------------------------------------------

  const solos = new Set();
  const hits = drums
    .flatMap((drum) =>
      drum.hits.map(([at, velocity, stroke, ring]) => ({ drum, at, velocity, stroke, ring }))
    )
    .sort((a, b) => a.at - b.at);
  const sounding = new Set();
  let context = null; // made by the first gesture: browsers play nothing before
  let recordingBus, drumsBus;
  let playing = false;
  let resting = 0; // where it stands, or where it was started
  let begun = 0; // context time of the start
  let origin = 0; // context time of the recording's begin
  let next = 0; // the first hit that is not scheduled
  let pump = 0;

  const isHeard = (drum) => (solos.size ? solos.has(drum) : drum.box.checked);

  async function decoded(text) {
    const characters = atob(text);
    const bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = characters.charCodeAt(i);
    return new OfflineAudioContext(1, 1, data.rate_hz).decodeAudioData(bytes.buffer);
  }

  function connect() {
    context = new AudioContext({ sampleRate: data.rate_hz });
    const bus = (gain, to) => {
      const node = new GainNode(context, { gain });
      node.connect(to);
      return node;
    };
    recordingBus = bus(1 - balance.value, context.destination);
    drumsBus = bus(Number(balance.value), context.destination);
    for (const drum of drums) drum.bus = bus(isHeard(drum) ? 1 : 0, drumsBus);
  }

  /** Seconds from the clock of the sound to the ear. */
  const latency = () => context.outputLatency || context.baseLatency || 0;

  /** What is heard now, in seconds of the recording. */
  const position = () =>
    playing ? clamp(context.currentTime - latency() - origin, resting, seconds) : resting;

  /** Start a buffer, from `offset` seconds within it, at a context time. */
  function start(buffer, level, bus, when, offset, ring) {
    const source = new AudioBufferSourceNode(context, { buffer });
    const gain = new GainNode(context, { gain: level });
    if (offset > 0) {
      gain.gain.setValueAtTime(0, when);
      gain.gain.linearRampToValueAtTime(level, when + FADE);
    }
    if (ring) {
      const end = when + ring - offset;
      gain.gain.setValueAtTime(level, end);
      gain.gain.linearRampToValueAtTime(0, end + data.choke_seconds);
    }
    source.connect(gain).connect(bus);
    source.start(when, offset);
    const sound = { source, gain };
    sounding.add(sound);
    source.onended = () => {
      sounding.delete(sound);
      gain.disconnect();
    };
  }

  function schedule() {
    const now = context.currentTime;
    while (next < hits.length && origin + hits[next].at < now + AHEAD) {
      const { drum, at, velocity, stroke, ring } = hits[next];
      next += 1;
      if (!drum.strokes.length) continue;
      const { buffer, level } = drum.strokes[stroke];
      const loudness = velocity ** 2 * level;
      const due = origin + at;
      const when = Math.max(due, begun, now);
      const offset = when - due;
      if (offset < (ring || buffer.duration)) start(buffer, loudness, drum.bus, when, offset, ring);
    }
    if (now - latency() - origin >= seconds) {
      stop();
      resting = seconds;
      redraw();
    }
  }

  function stop() {
    if (!playing) return;
    resting = position();
    playing = false;
    clearInterval(pump);
    const now = context.currentTime;
    for (const { source, gain } of sounding) {
      gain.gain.setTargetAtTime(0, now, FADE);
      source.stop(now + 4 * FADE);
    }
    sounding.clear();
    showPlaying();
  }

  async function begin() {
    if (!context) connect();
    if (context.state !== "running") await context.resume();
    if (playing) return;
    if (resting >= seconds) resting = 0;
    playing = true;
    begun = context.currentTime + HEAD_START;
    origin = begun - resting;
    start(data.buffer, 1, recordingBus, begun, resting, 0);
    next = 0; // one that began before and still rings is started in its middle
    schedule();
    pump = setInterval(schedule, PUMP_MS);
    showPlaying();
    reveal();
    redraw();
  }

  function go(at) {
    const wasPlaying = playing;
    stop();
    resting = clamp(at, 0, seconds);
    if (wasPlaying && resting < seconds) begin();
    reveal();
    redraw();
  }

  const toggle = () => (playing ? (stop(), redraw()) : begin());

  function mix() {
    if (context) {
      const glide = (bus, value) => bus.gain.setTargetAtTime(value, context.currentTime, GLIDE);
      glide(recordingBus, 1 - balance.value);
      glide(drumsBus, Number(balance.value));
      for (const drum of drums) glide(drum.bus, isHeard(drum) ? 1 : 0);
    }
    for (const drum of drums) drum.row.classList.toggle("off", !isHeard(drum));
    const share = Math.round(100 * balance.value);
    const words = { 0: "recording only", 50: "both", 100: "drums only" };
    balance.setAttribute("aria-valuetext", words[share] || `${share} % drums`);
    redraw();
  }

  // --- Picture -------------------------------------------------------------------------------------------

  let scale = 100; // pixels per second
  let shown = seconds; // seconds per screen
  let lanes = {}; // geometry and colours, taken from the style
  let peaks = null;
  let frame = 0;
  let lastX = 0;

  const laneWidth = () => Math.max(roll.clientWidth - $("ruler").offsetLeft, 1);

  /** Bring the playhead into view, a little behind the left edge, unless it is there. */
  function reveal() {
    const x = position() * scale - roll.scrollLeft;
    if (x < 0 || x > laneWidth()) roll.scrollLeft = (position() - 0.05 * shown) * scale;
  }

  function setView(screen) {
    const width = laneWidth();
    const x = position() * scale - roll.scrollLeft;
    const isSeen = x >= 0 && x <= width;
    const anchorX = isSeen ? x : width / 2;
    const anchor = (roll.scrollLeft + anchorX) / scale;
    shown = screen;
    scale = width / screen;
    track.style.setProperty("--length", `${seconds * scale}px`);
    track.style.setProperty("--screen", `${roll.clientWidth}px`);
    measure();
    roll.scrollLeft = anchor * scale - anchorX;
    redraw();
  }

  function measure() {
    const of = (lane) => {
      const { color } = getComputedStyle(lane);
      return { top: lane.offsetTop, height: lane.offsetHeight, left: lane.offsetLeft, color };
    };
    lanes = { ruler: of($("ruler")), wave: of($("wave")), text: getComputedStyle(document.body).color };
    for (const drum of drums) drum.place = of(drum.lane);
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [roll.clientWidth, track.offsetHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }

  function redraw() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    const at = position();
    const x = at * scale - roll.scrollLeft;
    const edge = 0.97 * laneWidth();
    // The view turns like a page when the playhead leaves it, not when the reader has left the playhead.
    if (playing && x > edge && lastX <= edge) roll.scrollLeft += x - 0.03 * laneWidth();
    lastX = at * scale - roll.scrollLeft;
    const pen = canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const left = lanes.ruler.left - roll.scrollLeft; // x of the recording's begin
    const from = roll.scrollLeft / scale;
    const to = Math.min(from + shown, seconds);
    drawTicks(pen, left, from, to);
    drawWave(pen, left, from, to);
    for (const drum of drums) drawHits(pen, drum, left, from, to, at);
    pen.globalAlpha = 1;
    pen.fillStyle = lanes.text;
    pen.fillRect(left + at * scale - 1, 0, 2, track.offsetHeight);
    $("time").textContent = `${clock(at, true)} / ${clock(seconds, true)}`;
    seek.value = at;
    seek.setAttribute("aria-valuetext", `${clock(at, true)} of ${clock(seconds, true)}`);
    if (playing) redraw();
  }

  function drawTicks(pen, left, from, to) {
    const step = TICKS.find((tick) => tick * scale >= 70) || TICKS.at(-1);
    pen.fillStyle = lanes.text;
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let n = Math.ceil(from / step - 0.9); n * step <= to; n += 1) {
      const x = left + n * step * scale;
      pen.globalAlpha = 0.15;
      pen.fillRect(Math.round(x), 0, 1, track.offsetHeight);
      pen.globalAlpha = 0.85;
      if ((seconds - n * step) * scale < TICK_TEXT_PX) continue;
      pen.fillText(clock(n * step, step < 1), x + 4, lanes.ruler.top + lanes.ruler.height / 2);
    }
  }

  function drawWave(pen, left, from, to) {
    const { top, height, color } = lanes.wave;
    pen.globalAlpha = 0.7;
    pen.fillStyle = color;
    const end = Math.ceil(left + to * scale);
    for (let x = Math.floor(left + from * scale); x < end; x += 1) {
      const first = Math.max(Math.floor(((x - left) / scale) * PEAKS_PER_SECOND), 0);
      const last = Math.max(Math.floor(((x + 1 - left) / scale) * PEAKS_PER_SECOND), first + 1);
      let low = 0;
      let high = 0;
      for (let i = 2 * first; i < Math.min(2 * last, peaks.length); i += 2) {
        low = Math.min(low, peaks[i]);
        high = Math.max(high, peaks[i + 1]);
      }
      pen.fillRect(x, top + (height / 2) * (1 - high), 1, Math.max((height / 2) * (high - low), 1));
    }
  }

  function drawHits(pen, drum, left, from, to, at) {
    const { top, height, color } = drum.place;
    const isOn = isHeard(drum);
    const width = clamp(0.05 * scale, 3, 10);
    const margin = width / scale;
    for (const [onset, velocity] of drum.hits) {
      if (onset < from - margin) continue;
      if (onset > to) break;
      const tall = (height - 4) * (0.25 + 0.75 * velocity);
      const sounds = isOn && playing && at >= onset && at < onset + GLOW;
      pen.globalAlpha = isOn ? (sounds ? 1 : 0.5 + 0.5 * velocity) : 0.12;
      pen.fillStyle = sounds ? lanes.text : color;
      pen.fillRect(left + onset * scale, top + height - 2 - tall, width, tall);
    }
  }

  function envelope(buffer) {
    const samples = buffer.getChannelData(0);
    const step = buffer.sampleRate / PEAKS_PER_SECOND;
    const result = new Float32Array(2 * Math.ceil(samples.length / step));
    for (let i = 0; i < samples.length; i += 1) {
      const place = 2 * Math.floor(i / step);
      if (samples[i] < result[place]) result[place] = samples[i];
      if (samples[i] > result[place + 1]) result[place + 1] = samples[i];
    }
    return result;
  }

  // --- Controls ------------------------------------------------------------------------------------------

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function addRow(drum) {
    const { name, note } = drum;
    const count = drum.hits.length;
    drum.box = element("input", { type: "checkbox", checked: true });
    drum.box.setAttribute("aria-label", `${name}, ${count} ${count === 1 ? "hit" : "hits"}`);
    drum.box.addEventListener("change", mix);
    const title = element("span", { className: "name", textContent: name });
    if (note) title.append(element("small", { textContent: note }));
    const number = element("span", { className: "count", textContent: count });
    const solo = element("button", { type: "button", className: "solo", textContent: "Solo" });
    solo.setAttribute("aria-label", `Solo ${name}`);
    solo.setAttribute("aria-pressed", "false");
    solo.addEventListener("click", () => {
      if (!solos.delete(drum)) solos.add(drum);
      solo.setAttribute("aria-pressed", String(solos.has(drum)));
      mix();
    });
    const label = element("div", { className: "label" }, element("label", {}, drum.box, title, number), solo);
    drum.lane = element("div", { className: "lane" });
    drum.row = element("div", { className: "row" }, label, drum.lane);
    drum.row.style.setProperty("--hue", drum.hue);
    track.append(drum.row);
  }

  function showPlaying() {
    play.textContent = playing ? "❚❚ Pause" : "▶\uFE0E Play";
  }

  function addViews() {
    const words = (span) => (span < 60 ? `${span} s` : `${span / 60} min`);
    for (const span of VIEWS.filter((value) => value < seconds)) view.append(new Option(words(span), span));
    view.append(new Option("All", seconds));
    const spans = [...view.options].map((option) => Number(option.value));
    const widest = laneWidth() / LEAST_PX_PER_SECOND;
    view.selectedIndex = Math.max(spans.findLastIndex((span) => span <= widest), 0);
    view.addEventListener("change", () => setView(Number(view.value)));
  }

  function zoom(steps) {
    view.selectedIndex = clamp(view.selectedIndex + steps, 0, view.options.length - 1);
    setView(Number(view.value));
  }

  const KEYS = {
    " ": toggle,
    ArrowLeft: ({ shiftKey }) => go(position() - (shiftKey ? 5 : 1)),
    ArrowRight: ({ shiftKey }) => go(position() + (shiftKey ? 5 : 1)),
    Home: () => go(0),
    End: () => go(seconds),
    "+": () => zoom(-1),
    "=": () => zoom(-1),
    "-": () => zoom(1),
  };

  let byPointer = false; // whether the control in use was reached by a pointer

  function pressed(event) {
    if (event.key === "Tab") byPointer = false;
    const action = KEYS[event.key];
    if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target } = event;
    const isSpace = event.key === " ";
    // A control that was reached by keys keeps its own; after a click on it, space still plays.
    if (isSpace && !byPointer && target.matches("button, select, [type=checkbox]")) return;
    if (!isSpace && (target === balance || target === view)) return;
    event.preventDefault();
    action(event);
  }

  function listenToControls() {
    play.addEventListener("click", toggle);
    seek.addEventListener("input", () => go(Number(seek.value)));
    balance.addEventListener("input", mix);
    document.addEventListener("keydown", pressed);
    document.addEventListener("pointerdown", () => (byPointer = true));
    roll.addEventListener("scroll", redraw);
    roll.addEventListener("click", ({ target, clientX }) => {
      if (target.matches(".lane")) go((clientX - target.getBoundingClientRect().left) / scale);
    });
    new ResizeObserver(() => setView(shown)).observe(roll);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      measure();
      redraw();
    });
  }

  async function open() {
    $("notice").textContent = "Reading the sounds …";
    data.buffer = await decoded(data.recording);
    for (const stroke of drums.flatMap((drum) => drum.strokes)) stroke.buffer = await decoded(stroke.flac);
    peaks = envelope(data.buffer);
    seek.max = seconds;
    drums.forEach(addRow);
    $("player").hidden = false;
    $("notice").textContent = drums.length ? "" : "No drums were heard in this recording.";
    $("notice").hidden = drums.length > 0;
    showPlaying();
    addViews();
    setView(Number(view.value));
    mix();
    listenToControls();
  }

  open().catch((error) => {
    $("notice").textContent = `This page cannot be played here: ${error.message || error}`;
  });
})();
