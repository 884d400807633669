//! The route `/namespace`, the same in both APIs: the namespaces that have books.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_store::repository::Place;

use crate::list::{Lists, Name};
use crate::page::Page;
use crate::problem::Problem;
use crate::view::NamespaceList;
use crate::{Repository, view};

/// The namespaces that have books
#[utoipa::path(
    get,
    path = "/namespace",
    operation_id = "list_namespaces",
    tag = "books",
    params(Page),
    responses((status = 200, description = "The namespaces, sorted by id", body = NamespaceList))
)]
pub async fn list(
    books: Data<Repository>,
    lists: Data<Lists>,
    request: HttpRequest,
    page: Page,
) -> Result<HttpResponse, Problem> {
    let list = books.namespaces();
    let after = page.after(None)?;
    let name = Name {
        of: "namespaces",
        namespace: "",
        filter: "",
    };
    Ok(lists.answer(&request, &page, name, list.generation(), || {
        let namespaces = list.iter_after(after);
        namespaces.map(|(namespace, books)| (view::namespace(namespace, books), Place { namespace, id: "" }))
    }))
}
