//! `--watch-namespaces`: the APIs with accounts that have Roles in two namespaces, and no right in any other.

mod tokens;

use std::time::Duration;

use anyhow::{Context as _, Result};
use control_plane::service_account_kubeconfig;
use e2e::{Answer, Api, Cluster, Library, Listener, Mirror, Program, Service, book, chart, eventually};
use kube::api::PostParams;
use serde_json::json;

use super::chart::helm;

/// Both APIs, as the chart installs them for two namespaces.
struct Scoped {
    admin: Service,
    user: Service,
    /// The watched namespaces, with these APIs.
    seen: [Library; 2],
    /// A namespace that is not watched, with a book, and with the APIs that see all namespaces.
    unseen: Library,
}

async fn scoped() -> Result<Scoped> {
    scoped_in("header").await
}

/// Does the same with an authentication mode.
async fn scoped_in(mode: &str) -> Result<Scoped> {
    let unseen = Library::open().await?;
    unseen.add("book").await?;
    let shared = unseen.shared.as_ref().context("the shared APIs")?;
    let cluster = Cluster::shared()?;
    let open = async || Library::open_in(&cluster, shared.admin(), shared.user()).await;
    let (home, mut east, mut west) = tokio::try_join!(open(), open(), open())?;

    let chart = chart();
    let names = format!("{},{}", east.namespace, west.namespace);
    let arguments = [
        "template",
        "bookshelf",
        chart.to_str().context("a path")?,
        "--namespace",
        &home.namespace,
        &format!("--set=watchNamespaces={{{names}}}"),
    ];
    let rights = [
        "--show-only=templates/serviceaccounts.yaml",
        "--show-only=templates/rbac.yaml",
    ];
    let mut manifests = helm(&[&arguments[..], &rights].concat()).await?;
    assert!(!manifests.contains("ClusterRole"), "{manifests}");
    if mode == "token" {
        let reviews = ["--show-only=templates/reviews.yaml"];
        let reviews = helm(&[&arguments[..], &reviews].concat()).await?;
        manifests = [manifests, reviews].join("\n---\n");
    }
    cluster.kubectl().await?.apply(&manifests).await?;

    let start = async |program: Program| -> Result<Service> {
        let account = format!("bookshelf-{}", program.name());
        let lifetime = Duration::from_hours(1);
        let kubeconfig =
            service_account_kubeconfig(cluster.kubeconfig(), &home.namespace, &account, lifetime).await?;
        let arguments = [
            format!("--watch-namespaces={names}"),
            format!("--auth-mode={mode}"),
        ];
        let service =
            Service::launch_as(program, &kubeconfig, &arguments.each_ref().map(String::as_str)).await?;
        service.ready().await?;
        Ok(service)
    };
    let (admin, user) = tokio::try_join!(start(Program::Admin), start(Program::User))?;
    for library in [&mut east, &mut west] {
        library.admin = admin.api()?;
        library.user = user.api()?;
    }
    Ok(Scoped {
        admin,
        user,
        seen: [east, west],
        unseen,
    })
}

#[tokio::test]
async fn everything_works_in_the_watched_namespaces() -> Result<()> {
    let scoped = scoped().await?;
    for library in &scoped.seen {
        library.add("ours").await?;
        library.plant(&book("kubectls")).await?;
        for api in library.apis() {
            assert_eq!(library.ids(api, "").await?, ["kubectls", "ours"]);
        }
        let path = library.path("ours");
        library
            .admin
            .put(&path)
            .json(&library.body("ours"))
            .await?
            .json(200);
        let category = library.admin.patch(format!("{path}/category"));
        category.json(&json!({"category_id": "math"})).await?.json(200);
        let borrow = async || library.user.post(format!("{path}/borrow")).tenant("bob").await;
        borrow().await?.json(201);
        library
            .user
            .get(library.loans_path())
            .tenant("bob")
            .await?
            .json(200);
        library
            .user
            .post(format!("{path}/return"))
            .tenant("bob")
            .await?
            .empty(204);
        borrow().await?.json(201);
        eventually("the librarians' API knows the loan", async || {
            Ok((library.admin.get(library.loan_path("ours")).await?.status == 200).then_some(()))
        })
        .await?;
        library.admin.delete(library.loan_path("ours")).await?.empty(204);
        library.admin.delete(path).await?.empty(204);
    }
    for api in [scoped.admin.api()?, scoped.user.api()?] {
        let books = api.get("/book").await?.json(200);
        let books = books["list"].as_array().context("a list")?;
        assert_eq!(books.len(), 2, "one of each namespace: {books:?}");
        let namespaces = api.get("/namespace").await?.json(200);
        assert_eq!(namespaces["list"].as_array().context("a list")?.len(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn any_other_namespace_is_not_found() -> Result<()> {
    let scoped = scoped().await?;
    let (admin, user, unseen) = (scoped.admin.api()?, scoped.user.api()?, &scoped.unseen);
    let expected = format!("not found: the namespace {:?} does not exist", unseen.namespace);
    let not_found = |answer: Answer| {
        let message = answer.problem(404, "not_found").message;
        assert_eq!(message, expected, "{}", answer.what);
    };
    let (list, path) = (unseen.list_path(), unseen.path("book"));
    let tenant = |api: &Api, method: &str, path: String| {
        let method = method.parse().unwrap_or_default();
        api.request(method, path).tenant("bob")
    };
    for api in [&admin, &user] {
        for path in [&list, &path, &format!("{list}?category_id=math")] {
            not_found(api.get(path).await?);
        }
        for path in [unseen.loans_path(), unseen.loan_path("book")] {
            not_found(tenant(api, "GET", path).await?);
        }
    }
    not_found(admin.post(&list).json(&unseen.body("new")).await?);
    // With If-Match, it is not the cache that refuses.
    for etag in [None, Some("\"a.1\"")] {
        let with = |request: e2e::Request| match etag {
            Some(etag) => request.header("If-Match", etag),
            None => request,
        };
        for query in ["", "?force=true"] {
            not_found(with(admin.put(format!("{path}{query}")).json(&unseen.body("book"))).await?);
            not_found(with(admin.delete(format!("{path}{query}"))).await?);
        }
        let category = admin.patch(format!("{path}/category"));
        not_found(with(category.json(&json!({"category_id": ""}))).await?);
        not_found(with(admin.delete(unseen.loan_path("book"))).await?);
    }
    for action in ["borrow", "return"] {
        not_found(tenant(&user, "POST", format!("{path}/{action}")).await?);
    }
    // Nothing was written, and an invalid namespace is still the client's error.
    assert!(unseen.books().get_opt("new").await?.is_none());
    assert!(unseen.books().get_opt("book").await?.is_some());
    admin.get("/book/No").await?.invalid("namespace_id");
    Ok(())
}

#[tokio::test]
async fn changes_in_an_unwatched_namespace_appear_in_no_list() -> Result<()> {
    let scoped = scoped().await?;
    let [east, _] = &scoped.seen;
    let books = scoped.unseen.books();
    books.create(&PostParams::default(), &book("unseen")).await?;
    // Created later than the hidden book, so a replica with this one would have the other too.
    east.plant(&book("seen")).await?;
    for api in east.apis() {
        let answer = api.get("/book").await?;
        assert!(answer.text().contains(r#""id":"seen""#), "{}", answer.text());
        assert!(!answer.text().contains("unseen"), "{}", answer.text());
        assert!(
            !answer.text().contains(&scoped.unseen.namespace),
            "{}",
            answer.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn streams_cover_the_watched_namespaces_and_resume_from_any_id() -> Result<()> {
    let scoped = scoped().await?;
    let [east, west] = &scoped.seen;
    for library in &scoped.seen {
        library.add("there").await?;
    }
    for (number, api) in east.apis().into_iter().enumerate() {
        let mut states = vec![Mirror::default()];
        let mut listener = api.get("/book").listen().await?;
        let mut take = async |listener: &mut Listener| -> Result<Mirror> {
            let mut mirror = states.last().cloned().unwrap_or_default();
            mirror.take(listener.next_event().await?)?;
            states.push(mirror.clone());
            Ok(mirror)
        };
        while !take(&mut listener).await?.is_synced {}
        let mut of_west = api.get(west.list_path()).listen().await?;
        of_west.until("synced").await?;
        let id = format!("new-{number}");
        for library in [east, west, east] {
            let path = library.list_path();
            let (there, body) = (library.path(&id), library.body(&id));
            if library.admin.post(path).json(&body).await?.status == 409 {
                library.admin.delete(there).await?.empty(204);
            }
            take(&mut listener).await?;
        }
        let received = of_west.next_event().await?;
        assert_eq!(
            (received.event.as_str(), &received.data["id"]),
            ("created", &json!(id))
        );

        let fresh = Mirror::of_list(&api.get("/book").await?.json(200))?;
        for mut state in states.into_iter().filter(|state| !state.last_id.is_empty()) {
            let mut listener = api
                .get("/book")
                .header("Last-Event-ID", &state.last_id)
                .listen()
                .await?;
            while state.has != fresh {
                state.take(listener.next_event().await?)?;
            }
        }
    }
    for api in east.apis() {
        let path = scoped.unseen.list_path();
        let unseen = api.get(&path).header("Accept", "text/event-stream");
        unseen.await?.problem(404, "not_found");
        let unseen = api.head(&path).header("Accept", "text/event-stream");
        assert_eq!(unseen.await?.status, 404);
    }
    Ok(())
}
