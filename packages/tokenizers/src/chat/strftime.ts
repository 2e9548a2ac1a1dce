const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** What glibc leaves as it is written: letters behind the modifiers E and O, which change nothing in the C locale. */
const refused: Readonly<Record<string, string>> = { E: 'abdefghjklmwABDFGHIMSUVW', O: 'acfxADFXY', '': '' };

/** `strftime` of Python in the C locale, local time. */
export function strftime(date: Date, format: string): string {
  const two = (value: number, fill = '0') => String(value).padStart(2, fill);
  const hour12 = date.getHours() % 12 || 12;
  const start = new Date(date.getFullYear(), 0, 1);
  const dayOfYear =
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(start.getFullYear(), 0, 1)) / 864e5,
    ) + 1;
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => two(date.getDate(), ' '),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    f: () => `${String(date.getMilliseconds()).padStart(3, '0')}000`,
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    B: () => months[date.getMonth()] as string,
    b: () => (months[date.getMonth()] as string).slice(0, 3),
    h: () => (months[date.getMonth()] as string).slice(0, 3),
    A: () => days[date.getDay()] as string,
    a: () => (days[date.getDay()] as string).slice(0, 3),
    w: () => String(date.getDay()),
    u: () => String(date.getDay() || 7),
    j: () => String(dayOfYear).padStart(3, '0'),
    F: () => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    T: () => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    R: () => `${two(date.getHours())}:${two(date.getMinutes())}`,
    c: () => strftime(date, '%a %b %e %H:%M:%S %Y'),
    x: () => strftime(date, '%m/%d/%y'),
    X: () => strftime(date, '%H:%M:%S'),
    D: () => strftime(date, '%m/%d/%y'),
    r: () => strftime(date, '%I:%M:%S %p'),
    P: () => (date.getHours() < 12 ? 'am' : 'pm'),
    C: () => two(Math.floor(date.getFullYear() / 100)),
    k: () => two(date.getHours(), ' '),
    l: () => two(hour12, ' '),
    s: () => String(Math.floor(date.getTime() / 1000)),
    U: () => two(Math.floor((dayOfYear + 6 - date.getDay()) / 7)),
    W: () => two(Math.floor((dayOfYear + 6 - ((date.getDay() + 6) % 7)) / 7)),
    V: () => two(isoWeek(date).week),
    G: () => String(isoWeek(date).year),
    g: () => two(isoWeek(date).year % 100),
    // The time that Python gives has no zone.
    z: () => '',
    Z: () => '',
    n: () => '\n',
    t: () => '\t',
    '%': () => '%',
  };
  return format.replace(/%([-_0^#]?)([EO]?)([a-zA-Z%])/g, (whole, flag: string, modifier: string, letter: string) => {
    const made = refused[modifier]?.includes(letter) ? undefined : parts[letter]?.();
    if (made === undefined) return whole;
    if (flag === '^') return made.toUpperCase();
    const leading = flag === '-' ? '' : flag === '_' ? ' ' : '0';
    return flag === '' || flag === '#' || !/^[ \d]+$/.test(made)
      ? made
      : made.replace(/^[0 ]+(?=.)/, (zeros) => leading.repeat(zeros.length));
  });
}

/** Week and year of ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { readonly week: number; readonly year: number } {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  const thursday = new Date(day + (4 - (date.getDay() || 7)) * 864e5);
  const year = thursday.getUTCFullYear();
  return { week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * 864e5)) + 1, year };
}
