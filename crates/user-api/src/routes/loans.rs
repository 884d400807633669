//! Borrowing a book and bringing it back.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use bookshelf_http::answer;
use bookshelf_http::extract::TenantId;
use bookshelf_http::problem::Problem;
use bookshelf_store::repository::BookKey;

use crate::Repository;
use crate::view::loan_json;

pub(super) async fn borrow(
    books: Data<Repository>,
    path: Path<(String, String)>,
    tenant: TenantId,
) -> Result<HttpResponse, Problem> {
    let key = BookKey::parse(&path.0, &path.1)?;
    let loan = books.borrow(key, tenant.tenant()?).await?;
    let mut response = HttpResponse::Created();
    response.insert_header(answer::entity_tag(&loan.version));
    Ok(answer::json(&mut response, loan_json(&loan)))
}

pub(super) async fn return_book(
    books: Data<Repository>,
    path: Path<(String, String)>,
    tenant: TenantId,
) -> Result<HttpResponse, Problem> {
    let key = BookKey::parse(&path.0, &path.1)?;
    books.return_book(key, tenant.tenant()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
