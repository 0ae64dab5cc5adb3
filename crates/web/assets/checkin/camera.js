// The camera: reads QR codes from its picture and passes on each new one.

/** Size of the square that the included reader gets, in pixels. */
const SQUARE = 720;
/** Time between two pictures that are read. */
const READ_EVERY_MS = 120;
/** A code counts as new when it has been out of the picture for this long. */
const GONE_AFTER_MS = 2500;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns a function that reads the QR code in a video: the browser's own reader, else the included one. */
async function newReader(decoderUrl) {
  if ("BarcodeDetector" in globalThis) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.includes("qr_code")) {
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async (video) => (await detector.detect(video))[0]?.rawValue;
    }
  }
  const { default: decode } = await import(decoderUrl);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    const size = Math.min(side, SQUARE);
    canvas.width = canvas.height = size;
    context.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, size, size);
    const { data } = context.getImageData(0, 0, size, size);
    try {
      return decode({ width: size, height: size, data });
    } catch {
      // There is no code in this picture.
      return undefined;
    }
  };
}

/** Reads codes from a camera until it is stopped. */
class Camera {
  #video;
  #decoderUrl;
  #onCode;
  #read;
  #stream;
  #wakeLock;
  #seen = new Map();
  /** Whether codes are passed on. The picture goes on in any case. */
  isPaused = false;

  constructor(video, decoderUrl, onCode) {
    this.#video = video;
    this.#decoderUrl = decoderUrl;
    this.#onCode = onCode;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#stream) this.#stayAwake();
    });
  }

  /** Starts the camera at the back, or the only one. Fails with the browser's error if it may not or cannot. */
  async start(onEnd) {
    const picture = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: picture });
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      this.stop();
      onEnd();
    });
    this.#video.srcObject = stream;
    await this.#video.play();
    this.#read ??= await newReader(this.#decoderUrl);
    this.#stayAwake();
    this.#run(stream);
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = undefined;
    this.#video.srcObject = null;
    this.#wakeLock?.release().catch(() => {});
  }

  /** Keeps the screen on, where the browser can. */
  async #stayAwake() {
    try {
      this.#wakeLock = await navigator.wakeLock?.request("screen");
    } catch {
      // The battery is low, or the page is hidden.
    }
  }

  async #run(stream) {
    while (this.#stream === stream) {
      if (this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const code = await this.#read(this.#video).catch(() => undefined);
        if (code) this.#notice(code);
      }
      await sleep(READ_EVERY_MS);
    }
  }

  /** Passes on a code unless it is the one that is still held before the camera. */
  #notice(code) {
    const [now, last] = [performance.now(), this.#seen.get(code) ?? -Infinity];
    const isNew = now - last > GONE_AFTER_MS;
    // A new code that appears during a pause is read after it.
    if (isNew && this.isPaused) return;
    this.#seen.set(code, now);
    if (isNew) this.#onCode(code);
  }
}
