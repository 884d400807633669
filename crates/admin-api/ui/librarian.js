// The page of librarians.

import { start } from './app.js';
import { Book } from './book.js';
import { Books } from './books.js';
import { NewBook } from './form.js';
import { Loans } from './loans.js';
import { badge, hash, html, nothing } from './parts.js';
import { t } from './texts.js';

const add = (ns) => html`<a class="button primary" href=${hash(['new'], { ns })}>${t('new')}</a>`;

const books = (context) =>
  new Books(context, {
    heading: (view) => add(view.typed.ns),
    hint: () => t('books.empty.add'),
    status: ({ item }) =>
      item.managed_by && item.managed_by !== 'bookshelf' ? badge('elsewhere', t('by', { name: item.managed_by })) : nothing,
  });

start({
  nav: [
    ['', 'books'],
    ['loans', 'loans'],
  ],
  views: {
    '': books,
    book: (context) => new Book(context),
    new: (context) => new NewBook(context),
    loans: (context) => new Loans(context),
  },
});
