// Figures as people read them. A missing figure is a dash.

const NOTHING = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with about three digits; integers keep all digits. */
function figure(value) {
  if (!isNumber(value)) return NOTHING;
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en", {maximumFractionDigits: digits});
}

/** A number short enough for an axis: 1.5 k, 20 M. */
function short(value) {
  for (const [scale, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= scale * (scale === 1e3 ? 10 : 1)) return `${+(value / scale).toPrecision(4)}\u00a0${unit}`;
  }
  return value.toLocaleString("en", {maximumSignificantDigits: 4});
}

/** Seconds: 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
function duration(seconds) {
  if (!isNumber(seconds)) return NOTHING;
  const pair = (great, name, small, other) => `${great}\u00a0${name}` + (small ? ` ${small}\u00a0${other}` : "");
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole}\u00a0s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

const withUnit = (text, unit) => (unit && text !== NOTHING ? `${text}\u00a0${unit}` : text);
