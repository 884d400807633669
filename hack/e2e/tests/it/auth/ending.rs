//! Rights while the process shuts down.

use anyhow::Result;
use e2e::{Cluster, Library, Person, Program, Service, book, eventually};
use kube::api::PostParams;
use rustix::process::Signal;

use super::ADMIN;

#[tokio::test]
async fn callers_are_authorized_as_before_while_the_process_drains() -> Result<()> {
    let cluster = Cluster::shared()?;
    let arguments = ["--auth-mode=token", "--shutdown-delay=300"];
    let admin = Service::start(Program::Admin, &cluster, &arguments).await?;
    let library = Library::open_in(&cluster, &admin, &admin).await?;
    library
        .books()
        .create(&PostParams::default(), &book("book"))
        .await?;
    let person = async |name: &str| Person::new(library.client.clone(), &library.namespace, name).await;
    let (reader, stranger) = (person("reader").await?, person("stranger").await?);
    let grant = reader
        .grant(&library.namespace, &["get", "watch"], &["books"], &[])
        .await?;
    let reader = library.admin.as_bearer(&reader.token(ADMIN).await?);
    eventually("the book appears", async || {
        Ok((reader.get(library.path("book")).await?.status == 200).then_some(()))
    })
    .await?;
    let mut stream = reader.get(library.list_path()).listen().await?;
    stream.until("synced").await?;

    admin.signal(Signal::TERM)?;
    let mut log = admin.log();
    log.line("it shuts down", |line| line["message"] == "shutting down")
        .await?;
    let stranger = library.admin.as_bearer(&stranger.token(ADMIN).await?);
    let path = library.path("book");
    library.admin.get(&path).await?.problem(401, "unauthenticated");
    stranger.get(&path).await?.problem(403, "forbidden");
    reader.get(&path).await?.json(200);
    grant.revoke().await?;
    eventually("the right has ended", async || {
        Ok((reader.get(&path).await?.status == 403).then_some(()))
    })
    .await?;
    while stream.next().await?.is_some() {}
    Ok(())
}
