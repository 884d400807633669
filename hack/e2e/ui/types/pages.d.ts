// The types that the pages' comments name: those of the APIs come from the OpenAPI documents.

import type { components as Admin } from '../generated/admin-api';
import type { components as User } from '../generated/user-api';
import type { Template } from './lit-html';

type NameOf<Urn> = Urn extends `urn:bookshelf:problem:${infer Name}` ? Name : never;

declare global {
  namespace Api {
    /** A book as both APIs show it, and what only tenants see of it. */
    type Book = Admin['schemas']['Book'] & Partial<User['schemas']['Book']>;
    type BookBody = Admin['schemas']['BookBody'];
    type NewBook = Admin['schemas']['NewBook'];
    type Loan = Admin['schemas']['Loan'] & User['schemas']['Loan'];
    type HistoryEvent = Admin['schemas']['HistoryEvent'] & User['schemas']['HistoryEvent'];
    type Namespace = Admin['schemas']['Namespace'] & User['schemas']['Namespace'];
    type Problem = Admin['schemas']['Problem'] | User['schemas']['Problem'];
    type Code = NameOf<Problem['type']>;
  }

  namespace Page {
    type Query = Record<string, string>;
    /** What the page gives a view. */
    interface Context {
      /** The names in the address, behind that of the view. */
      parts: string[];
      query: Query;
      /** Ends with the view. */
      signal: AbortSignal;
      update: () => void;
      go: (address: string, replace?: boolean) => void;
    }
    interface Row<Item> {
      item: Item;
      isGone: boolean;
    }
    /** A view, as the page makes and draws it. One with `changed` shows another query of its address by itself. */
    type ViewClass = new (context: Context) => {
      title: string;
      load: () => void;
      view: () => Template;
      changed?: (query: Query) => void;
    };
    /** What a live list is asked of the API by. */
    interface ListOptions<Item> {
      path: string;
      /** The part of the query that the list's stream takes, too. */
      filter: Query;
      q?: string;
      page?: string;
      key: (item: Item) => string;
      changed?: (item: Item) => void;
    }
    interface Options {
      query?: Record<string, string | number>;
      body?: Api.BookBody | Api.NewBook;
      headers?: Record<string, string>;
      signal?: AbortSignal;
      /** Returns when the answer begins. */
      isStream?: boolean;
      /** Asks nobody who they are. */
      isQuiet?: boolean;
    }
    interface Answer {
      data: any;
      etag: string;
      version: string;
      response: Response;
    }
    /** An error of a form, and the field that it is about. */
    interface FormError {
      field?: string;
      words: string;
    }
    type FieldName = 'title' | 'author' | 'category_id' | 'description';
    /** The fields of a book that people write, as text. */
    type Fields = Record<FieldName, string>;
    /** Fields of a version, and its entity tag. */
    interface Version {
      fields: Fields;
      etag: string;
    }
    /** A field in a conflict. */
    interface Conflict {
      name: FieldName;
      before: string;
      theirs: string;
      mine: string;
      choice: 'mine' | 'theirs' | null;
      /** Both have made the same change. */
      isAgreed: boolean;
    }
  }
}
