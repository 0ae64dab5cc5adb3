// Codes that are read without a network: their signatures are verified on the phone, where the browser can.
//
// A code is 107 bytes in base32: a version, the beginning of the id of the key, the ids of event and booking, the number of the ticket,
// and the Ed25519 signature of all that.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CODE_LENGTH = 172;
const SIGNED_BYTES = 43;
const KEYS = "rowlock-ticket-keys";
const KEYS_PATH = "/.well-known/ticket-keys.json";

/** Returns the bytes of a code, or `undefined` if the text is none. */
function bytesOfCode(text) {
  const code = text.trim().toUpperCase();
  if (code.length !== CODE_LENGTH) return undefined;
  const bytes = [];
  let [bits, count] = [0, 0];
  for (const character of code) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    bits = ((bits << 5) | value) & 0xfff;
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes.push((bits >> count) & 0xff);
    }
  }
  return new Uint8Array(bytes);
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const idOf = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const fromBase64Url = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

/** Keeps the public keys for the time without a network. */
async function rememberKeys() {
  try {
    const response = await fetch(KEYS_PATH, { headers: { accept: "application/json" } });
    const { keys } = await response.json();
    if (response.ok && Array.isArray(keys)) localStorage.setItem(KEYS, JSON.stringify(keys));
  } catch {
    // Without keys, codes are kept unverified.
  }
}

/** Returns the key that a code names, if this phone has it and the browser can use it. */
async function keyOfCode(bytes) {
  const wanted = hex(bytes.slice(1, 9));
  try {
    const keys = JSON.parse(localStorage.getItem(KEYS)) ?? [];
    const jwk = keys.find(({ kid }) => hex(fromBase64Url(kid).slice(0, 8)) === wanted);
    if (!jwk) return undefined;
    return await crypto.subtle.importKey("jwk", { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    // The browser does not know Ed25519, or the page has no TLS.
    return undefined;
  }
}

/**
 * Returns `genuine` for a code that this box office has signed for the event, `foreign` for one that cannot be of a ticket of the
 * event, and `unverified` if the phone cannot tell.
 */
async function originOf(text, eventId) {
  const bytes = bytesOfCode(text);
  if (!bytes || bytes[0] !== 1 || idOf(bytes.slice(9, 25)) !== eventId.toLowerCase()) return "foreign";
  const key = await keyOfCode(bytes);
  if (!key) return "unverified";
  const isSigned = await crypto.subtle.verify("Ed25519", key, bytes.slice(SIGNED_BYTES), bytes.slice(0, SIGNED_BYTES));
  return isSigned ? "genuine" : "foreign";
}
