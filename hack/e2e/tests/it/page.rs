//! The web pages: how they are served, and how they work in a browser if there is one.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::{Browser, Library, Person, Program, Service, book};

/// The documented security policy, by directive.
const POLICY: [(&str, &str); 10] = [
    ("default-src", "'none'"),
    ("script-src", "'self'"),
    ("style-src", "'self'"),
    ("img-src", "'self'"),
    ("connect-src", "'self'"),
    ("base-uri", "'none'"),
    ("form-action", "'none'"),
    ("frame-ancestors", "'none'"),
    ("require-trusted-types-for", "'script'"),
    ("trusted-types", "lit-html"),
];

#[tokio::test]
async fn a_page_and_its_files_are_served_with_a_strict_policy() -> Result<()> {
    let library = Library::open().await?;
    for (api, own) in [(&library.admin, "librarian.js"), (&library.user, "tenant.js")] {
        let page = api.get("/").await?;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let text = page.text();
        assert!(text.contains(&format!("src=\"ui/{own}\"")), "{text}");
        assert!(!text.contains("//"), "nothing from elsewhere: {text}");
        assert!(
            !text.contains("<style") && !text.contains("style=") && !text.contains(" on"),
            "{text}"
        );
        let parts = text.split("=\"ui/").skip(1);
        let mut files = parts
            .filter_map(|part| part.split('"').next())
            .collect::<Vec<_>>();
        files.extend(["common.en.js", "common.de.js"]);
        assert!(files.len() > 10, "{files:?}");
        for path in files
            .iter()
            .map(|file| format!("/ui/{file}"))
            .chain(["/".to_owned()])
        {
            let answer = api.get(&path).await?;
            assert_eq!(answer.status, 200, "{path}");
            let policy = answer.header("content-security-policy").split("; ");
            let policy = policy.filter_map(|directive| directive.split_once(' '));
            assert_eq!(
                policy.collect::<BTreeMap<_, _>>(),
                BTreeMap::from(POLICY),
                "{path}"
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert_eq!(answer.header("cache-control"), "no-cache");
            let again = api
                .get(&path)
                .header("If-None-Match", answer.header("etag"))
                .await?;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
            let other = api.get(&path).header("If-Match", "\"other\"").await?;
            other.problem(412, "update_conflict");
            let malformed = api.get(&path).header("If-Match", "{}").await?;
            malformed.invalid("If-Match");
            assert_eq!(api.head(&path).await?.status, 200);
        }
        for missing in [
            "/ui/",
            "/ui/none.js",
            "/ui/lit-html/lit-html.js",
            "/ui/..%2fbook.js",
        ] {
            api.get(missing).await?.problem(404, "not_found");
        }
    }
    // Neither API serves the other's page.
    library
        .user
        .get("/ui/librarian.js")
        .await?
        .problem(404, "not_found");
    library
        .admin
        .get("/ui/tenant.js")
        .await?
        .problem(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn a_service_without_the_page_has_none() -> Result<()> {
    let library = Library::open().await?;
    let service = Service::start(Program::Admin, &library.cluster, &["--ui=false"]).await?;
    let api = service.api()?;
    for path in ["/", "/ui/app.css"] {
        api.get(path).await?.problem(404, "not_found");
    }
    assert_eq!(api.get("/health").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_pages_use_the_apis_as_the_openapi_documents_have_them() -> Result<()> {
    let Some(browser) = Browser::find().await? else {
        return Ok(());
    };
    for api in ["admin-api", "user-api"] {
        let document = format!("../../../docs/{api}.openapi.json");
        let types = format!("generated/{api}.d.ts");
        browser
            .run_program("openapi-typescript", &[&document, "-o", &types])
            .await?;
    }
    for page in ["librarian", "tenant"] {
        let project = format!("types/{page}.json");
        browser.run_program("tsc", &["-p", &project]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn librarians_work_in_a_browser() -> Result<()> {
    in_a_browser("librarian.test.mjs").await
}

#[tokio::test]
async fn conflicts_are_solved_in_a_browser() -> Result<()> {
    in_a_browser("conflict.test.mjs").await
}

#[tokio::test]
async fn tenants_borrow_in_a_browser() -> Result<()> {
    in_a_browser("tenant.test.mjs").await
}

#[tokio::test]
async fn every_view_is_for_everybody_in_a_browser() -> Result<()> {
    in_a_browser("everybody.test.mjs").await
}

#[tokio::test]
async fn people_sign_in_with_tokens_in_a_browser() -> Result<()> {
    let Some(browser) = Browser::find().await? else {
        return Ok(());
    };
    let library = Library::open().await?;
    library.add("book").await?;
    let (admin, user) = tokio::try_join!(
        Service::start(Program::Admin, &library.cluster, &["--auth-mode=token"]),
        Service::start(Program::User, &library.cluster, &["--auth-mode=token"]),
    )?;
    let namespace = &library.namespace;
    let librarian = Person::new(library.client.clone(), namespace, "librarian").await?;
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    librarian
        .grant(namespace, &all, &["books", "bookloans"], &[])
        .await?;
    let tenant = Person::new(library.client.clone(), namespace, "tenant").await?;
    tenant
        .grant(namespace, &["get", "list", "watch"], &["books"], &[])
        .await?;
    let stranger = Person::new(library.client.clone(), namespace, "stranger").await?;
    let address = |address| format!("http://{address}");
    let variables = [
        ("BOOKSHELF_ADMIN", &*address(admin.address())),
        ("BOOKSHELF_USER", &address(user.address())),
        ("BOOKSHELF_ADMIN_METRICS", &address(admin.ops_address())),
        ("BOOKSHELF_NAMESPACE", namespace),
        ("BOOKSHELF_LIBRARIAN", &librarian.token("bookshelf-admin").await?),
        ("BOOKSHELF_TENANT", &tenant.token("bookshelf-user").await?),
        ("BOOKSHELF_STRANGER", &stranger.token("bookshelf-admin").await?),
    ];
    browser.run("token.test.mjs", &variables).await
}

async fn in_a_browser(file: &str) -> Result<()> {
    let Some(browser) = Browser::find().await? else {
        return Ok(());
    };
    let library = Library::open().await?;
    let mut elsewhere = book("elsewhere");
    let label = ("app.kubernetes.io/managed-by".to_owned(), "Helm".to_owned());
    elsewhere.metadata.labels = Some([label].into());
    library.plant(&elsewhere).await?;
    // The test has its own APIs, without other tests' books, since it counts streams and requests.
    let watch = format!("--watch-namespaces={}", library.namespace);
    let arguments = [watch.as_str()];
    let (admin, user) = tokio::try_join!(
        Service::start(Program::Admin, &library.cluster, &arguments),
        Service::start(Program::User, &library.cluster, &arguments),
    )?;
    let address = |address| format!("http://{address}");
    let variables = [
        ("BOOKSHELF_ADMIN", &*address(admin.address())),
        ("BOOKSHELF_USER", &address(user.address())),
        ("BOOKSHELF_ADMIN_METRICS", &address(admin.ops_address())),
        ("BOOKSHELF_NAMESPACE", &library.namespace),
    ];
    browser.run(file, &variables).await
}
