// What the pages use of lit-html, whose own types are not in its file of code.

export interface Template {
  strings: TemplateStringsArray;
  values: unknown[];
}
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => Template;
/** Stands for a template that draws nothing. */
export const nothing: Template;
export const render: (template: Template, container: HTMLElement) => void;
