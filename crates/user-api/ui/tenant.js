// The page of tenants.

import { start } from './app.js';
import { Book } from './book.js';
import { Books } from './books.js';
import { Lending } from './lending.js';
import { MyHistory } from './myhistory.js';
import { MyLoans } from './myloans.js';

const books = (context) => {
  const lending = new Lending(context);
  return new Books(context, {
    status: ({ item }) => lending.status(item),
    action: ({ item }) => lending.action(item),
    changed: (book) => lending.changed(book),
    loaded: ({ list }) => lending.load(list.rows.map((row) => row.item)),
  });
};

start({
  nav: [
    ['', 'books'],
    ['loans', 'loans'],
    ['history', 'history'],
  ],
  views: {
    '': books,
    book: (context) => new Book(context),
    loans: (context) => new MyLoans(context),
    history: (context) => new MyHistory(context),
  },
  asksTenant: true,
});
