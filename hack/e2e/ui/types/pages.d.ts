// The types in the comments of the pages. Those of the APIs come from the OpenAPI documents.

import type { components as Admin } from '../generated/admin-api';
import type { components as User } from '../generated/user-api';
import type { Template } from './lit-html';

type NameOf<Urn> = Urn extends `urn:bookshelf:problem:${infer Name}` ? Name : never;

declare global {
  namespace Api {
    /** A book of both APIs, with the fields that only tenants see. */
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
    /** The page's interface for a view. */
    interface Context {
      /** The names in the address after the name of the view. */
      parts: string[];
      query: Query;
      /** Aborted when the view is left. */
      signal: AbortSignal;
      update: () => void;
      go: (address: string, replace?: boolean) => void;
    }
    interface Row<Item> {
      item: Item;
      isGone: boolean;
    }
    /** A view that the page creates and draws. With `changed`, it handles another query of its address itself. */
    type ViewClass = new (context: Context) => {
      title: string;
      load: () => void;
      view: () => Template;
      changed?: (query: Query) => void;
    };
    /** The requests for a live list. */
    interface ListOptions<Item> {
      path: string;
      /** The part of the query that also applies to the list's stream. */
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
      /** Resolves when the response begins. */
      isStream?: boolean;
      /** Does not ask the user to sign in. */
      isQuiet?: boolean;
    }
    interface Answer {
      data: any;
      etag: string;
      version: string;
      response: Response;
    }
    /** An error in a form, and its field. */
    interface FormError {
      field?: string;
      words: string;
    }
    type FieldName = 'title' | 'author' | 'category_id' | 'description';
    /** The editable fields of a book, as text. */
    type Fields = Record<FieldName, string>;
    /** The fields of a version, and its entity tag. */
    interface Version {
      fields: Fields;
      etag: string;
    }
    /** A field with a conflict. */
    interface Conflict {
      name: FieldName;
      before: string;
      theirs: string;
      mine: string;
      choice: 'mine' | 'theirs' | null;
      /** True if both made the same change. */
      isAgreed: boolean;
    }
  }
}
