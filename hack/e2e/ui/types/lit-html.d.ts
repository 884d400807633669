// The part of lit-html that the pages use. Its own types are not in the file of its code.

export interface Template {
  strings: TemplateStringsArray;
  values: unknown[];
}
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => Template;
/** A template that draws nothing. */
export const nothing: Template;
export const render: (template: Template, container: HTMLElement) => void;
