// The page's texts, in the reader's language. Each language has a common file and one for each page.

const LANGUAGES = ['en', 'de'];

const wanted = navigator.languages.map((locale) => locale.split('-')[0].toLowerCase());
export const language = wanted.find((one) => LANGUAGES.includes(one)) ?? 'en';
/** The language with the reader's region, for dates and numbers. */
const locale = navigator.languages.find((one) => one.toLowerCase().startsWith(language)) ?? language;

const page = document.documentElement.dataset.page;
const files = await Promise.all([import(`./common.${language}.js`), import(`./${page}.${language}.js`)]);
const texts = Object.assign({}, ...files.map((file) => file.default));

document.documentElement.lang = language;

const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);
const times = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

export const number = (value) => numbers.format(value);
export const time = (text) => times.format(new Date(text));

/** The text of a name. `n` selects the plural form. Values are isolated, as their script may have another direction. */
export function t(name, values = {}) {
  const found = texts[name] ?? name;
  const text = typeof found === 'string' ? found : (found[plurals.select(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, key) => {
    const value = values[key] ?? '';
    return typeof value === 'number' ? number(value) : `\u2068${value}\u2069`;
  });
}

/** The text for the code of a problem, or the message of the service. */
export function explain(problem) {
  if (problem.code === 'invalid_request' || problem.code === 'rejected') return problem.message;
  if (problem.code === 'forbidden') return `${t('problem.forbidden')} (${problem.message})`;
  const known = `problem.${problem.code}`;
  return texts[known] ? t(known) : problem.message || t('problem.internal');
}

/** The same for a write, whose outcome may be unknown. */
export const explainWrite = (problem) => (problem.isLost ? t('lost') : explain(problem));
