//! Bodies with a content encoding.

use anyhow::Result;

use super::{library, list, with_bodies};

#[tokio::test]
async fn a_body_with_a_content_encoding_is_refused() -> Result<()> {
    let (library, before) = library().await?;
    for encoding in ["gzip", "identity", "br, gzip", ""] {
        for request in with_bodies(&library) {
            let request = request.header("Content-Encoding", encoding);
            let answer = request
                .body("application/json", "{\"category_id\": \"math\"}")
                .await?;
            let problem = answer.problem(415, "unsupported_media_type");
            assert_eq!(problem.field.as_deref(), Some("Content-Encoding"));
        }
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_needed_must_not_be_encoded_either() -> Result<()> {
    let (library, before) = library().await?;
    for request in [
        library.user.post(library.path("book/borrow")).tenant("bob"),
        library.user.post(library.path("book/return")).tenant("bob"),
        library.admin.delete(library.path("book")),
        library.admin.delete(library.loan_path("book")),
    ] {
        let request = request.header("Content-Encoding", "gzip");
        let answer = request.body("application/json", vec![0x1f, 0x8b]).await?;
        answer.problem(415, "unsupported_media_type");
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() -> Result<()> {
    let (library, _) = library().await?;
    let body = format!("\u{feff}{}", library.body("other"));
    let added = library.admin.post(library.list_path());
    added.body("application/json", body).await?.json(201);
    let category = library.admin.patch(library.path("book/category"));
    let body = "\u{feff}{\"category_id\": \"math\"}";
    let book = category.body("application/json", body).await?.json(200);
    assert_eq!(book["category_id"], "math");
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused() -> Result<()> {
    let (library, before) = library().await?;
    let json = library.body("other").to_string();
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| json.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let gzip = vec![0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00];
    for body in [utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes), gzip] {
        for request in with_bodies(&library) {
            let answer = request.body("application/json", body.clone()).await?;
            let problem = answer.problem(400, "invalid_request");
            assert!(problem.message.contains("UTF-8"), "{problem:?}");
        }
    }
    assert_eq!(list(&library.admin, &library).await?, before);
    Ok(())
}
