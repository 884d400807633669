//! The route `/namespace`, the same in both APIs: the namespaces that have books.

use bookshelf_store::repository::Place;

use crate::extract::Request;
use crate::list::{self, Lists, Name};
use crate::page::Page;
use crate::problem::Problem;
use crate::route::Reply;
use crate::view::{self, NamespaceList};

/// The namespaces that have books
#[utoipa::path(
    get,
    path = "/namespace",
    operation_id = "list_namespaces",
    tag = "books",
    params(Page),
    responses((status = 200, description = "The namespaces, sorted by id", body = NamespaceList))
)]
pub fn list(request: &Request, page: &Page) -> Result<Reply, Problem> {
    let namespaces = request.namespaces()?;
    let with_books = request.repository()?.namespaces(namespaces);
    let after = page.after(None)?;
    let name = Name {
        of: "namespaces",
        namespaces: &list::name_of(namespaces),
        filter: "",
    };
    let lists = request.data::<Lists>()?;
    let response = lists.answer(request, page, name, with_books.generation(), || {
        let namespaces = with_books.iter_after(after);
        namespaces.map(|(namespace, books)| (view::namespace(namespace, books), Place { namespace, id: "" }))
    });
    Ok(response.into())
}
