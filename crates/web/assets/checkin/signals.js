// Sounds and vibrations, a different one for each kind of verdict, so that nobody has to look at the screen.

/** Notes of each verdict: frequency in hertz, start and length in seconds. */
const SOUNDS = {
  admitted: [[880, 0, 0.1], [1320, 0.11, 0.16]],
  again: [[440, 0, 0.16], [440, 0.24, 0.16], [440, 0.48, 0.16]],
  refused: [[180, 0, 0.6]],
  queued: [[660, 0, 0.1]],
};
/** Lengths of vibrations and pauses in milliseconds. */
const VIBRATIONS = { admitted: [80], again: [150, 90, 150, 90, 150], refused: [600], queued: [40, 60, 40] };
const VOLUME = 0.25;

const MUTED = "rowlock-door-muted";
const isMuted = () => localStorage.getItem(MUTED) !== null;
const mute = (yes) => (yes ? localStorage.setItem(MUTED, "yes") : localStorage.removeItem(MUTED));

let audio;
// Browsers permit sound only after somebody has touched the page.
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => {
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume();
  });
}

function signal(kind) {
  if (isMuted()) return;
  navigator.vibrate?.(VIBRATIONS[kind]);
  if (audio?.state !== "running") return;
  for (const [frequency, start, length] of SOUNDS[kind]) {
    const [tone, volume, at] = [audio.createOscillator(), audio.createGain(), audio.currentTime + start];
    tone.type = kind === "refused" ? "sawtooth" : "sine";
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(VOLUME, at);
    volume.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
  }
}
