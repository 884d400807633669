//! The parts of book lists and streams that both APIs share.

use std::borrow::Borrow;

use actix_web::web::BytesMut;
use bookshelf_store::repository::{BookList, BookWithLoan, Category, Generation, Namespaces, Place, Terms};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::Repository;
use crate::document::Document;
use crate::extract::{FromHead, FromQuery as _, Parameters, Request};
use crate::list::{self, Lists, Name};
use crate::openapi::fields;
use crate::page::Page;
use crate::problem::{Code, Problem};
use crate::route::Reply;
use crate::stream;

/// The query parameter of a search.
const Q: &str = "q";

/// The query string of a list of books.
#[derive(Clone, Debug)]
pub struct ListQuery {
    category_id: String,
    /// The terms of a search; empty for no search.
    q: String,
    page: Page,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parameters are read one by one")]
struct Filter {
    /// Only the books of this category.
    #[param(required = false, schema_with = fields::category_filter)]
    category_id: String,
    /// Only the books that have all of these terms in author or title. An event stream has no search.
    #[param(required = false, schema_with = fields::query)]
    q: String,
}

impl IntoParams for ListQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = Filter::into_params(&parameter_in);
        parameters.extend(Page::into_params(parameter_in));
        parameters
    }
}

impl FromHead for ListQuery {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let q = parameters.get(Q)?.unwrap_or_default();
        Ok(Self {
            category_id: parameters.get("category_id")?.unwrap_or_default().to_owned(),
            q: q.to_owned(),
            page: Page::from_query(&parameters)?.of_search(q),
        })
    }
}

impl ListQuery {
    /// Returns the books of these namespaces that match the category and the search, from the beginning of the page.
    pub fn list<'a>(
        &'a self,
        books: &'a Repository,
        namespaces: Namespaces<'a>,
    ) -> Result<BookList<'a, Document>, Problem> {
        let category = Category::parse(&self.category_id)?;
        let terms = Terms::parse(&self.q)?;
        let mut list = books.books(namespaces, category)?;
        if let Some(terms) = terms {
            list = list.with_terms(&terms)?;
        }
        Ok(list.after(self.page.after(namespaces.one())?))
    }

    /// Answers with the list of these members, or with the kept list if it has this generation.
    pub fn reply<'a, T: Borrow<Document>, M: Iterator<Item = (T, Place<'a>)>>(
        &self,
        request: &Request,
        namespaces: Namespaces<'_>,
        generation: Generation,
        members: impl FnOnce() -> M,
    ) -> Result<Reply, Problem> {
        if !self.q.is_empty() {
            return Ok(list::answer_once(request, &self.page, members()).into());
        }
        let name = Name {
            of: "books",
            namespaces: &list::name_of(namespaces),
            filter: &self.category_id,
        };
        let lists = request.data::<Lists>()?;
        let response = lists.answer(request, &self.page, name, generation, members);
        Ok(response.into())
    }

    /// Answers with the stream of the list. `write` writes each book, which has its loan if `with_loans` is true.
    #[must_use]
    pub fn stream(
        &self,
        request: &Request,
        with_loans: bool,
        write: fn(&BookWithLoan<Document>, &mut BytesMut),
    ) -> Reply {
        let (request, query) = (request.clone(), self.clone());
        Reply::later(async move {
            if !query.q.is_empty() {
                return Err(Problem::invalid(
                    Q,
                    "must not be given with Accept: text/event-stream",
                ));
            }
            let namespace = match request.namespaces()? {
                Namespaces::One(namespace) => Some(namespace),
                Namespaces::All => None,
                // A stream of some namespaces is never granted.
                Namespaces::Only(_) => return Err(Problem::new(Code::Forbidden, "forbidden")),
            };
            let category = Category::parse(&query.category_id)?;
            let id = stream::last_event_id(&request);
            let begin = request
                .repository()?
                .book_stream(namespace, category, with_loans, id);
            stream::answer(&request, &query.page, begin, write).await
        })
    }
}
