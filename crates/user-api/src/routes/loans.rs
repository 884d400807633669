//! Borrowing a book and bringing it back.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bookshelf_http::answer;
use bookshelf_http::extract::{TenantId, book_key};
use bookshelf_http::problem::Problem;

use crate::Repository;
use crate::view::loan_json;

pub(super) async fn borrow(
    books: Data<Repository>,
    request: HttpRequest,
    tenant: TenantId,
) -> Result<HttpResponse, Problem> {
    let key = book_key(&request)?;
    let loan = books.borrow(key, tenant.tenant()?).await?;
    let mut response = HttpResponse::Created();
    response.insert_header(answer::entity_tag(&loan.version));
    Ok(answer::json(&mut response, loan_json(&loan)))
}

pub(super) async fn return_book(
    books: Data<Repository>,
    request: HttpRequest,
    tenant: TenantId,
) -> Result<HttpResponse, Problem> {
    let key = book_key(&request)?;
    books.return_book(key, tenant.tenant()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
