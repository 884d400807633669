//! The loan lists and streams that both APIs share.

use bookshelf_store::repository::{Borrower, Place};

use crate::extract::Request;
use crate::list::{Lists, Name};
use crate::page::Page;
use crate::problem::Problem;
use crate::route::Reply;
use crate::{stream, view};

/// Answers with the loans of the path's namespace, of one borrower or of all.
pub fn list(request: &Request, borrower: Option<Borrower<'_>>, page: &Page) -> Result<Reply, Problem> {
    let namespace = request.namespace()?;
    let list = request
        .repository()?
        .loans(namespace, borrower)?
        .after(page.after(Some(namespace))?);
    let name = Name {
        of: "loans",
        namespaces: namespace.as_str(),
        filter: borrower.map_or("", Borrower::as_str),
    };
    let lists = request.data::<Lists>()?;
    let response = lists.answer(request, page, name, list.generation(), || {
        list.iter()
            .map(|entry| (view::loan(&entry.value), Place::of(entry)))
    });
    Ok(response.into())
}

/// Answers with the stream of these loans.
#[must_use]
pub fn stream(request: &Request, borrower: Option<Borrower<'_>>, page: &Page) -> Reply {
    let (request, page) = (request.clone(), page.clone());
    let borrower = borrower.map(|borrower| borrower.as_str().to_owned());
    Reply::later(async move {
        let namespace = request.namespace()?;
        let borrower = borrower.as_deref().and_then(Borrower::parse);
        let id = stream::last_event_id(&request);
        let begin = request.repository()?.loan_stream(namespace, borrower, id);
        stream::answer(&request, &page, begin, view::streamed_loan).await
    })
}
