//! The retention of the history.

use anyhow::Result;
use bookshelf_crd::{LoanJournal, LoanJournalSpec, loan_journal::LINES_MAX};
use e2e::{Library, Program, Service, eventually};
use k8s_openapi::jiff::Timestamp;
use kube::{
    ResourceExt,
    api::{ListParams, PostParams},
};

fn journals(library: &Library) -> kube::Api<LoanJournal> {
    kube::Api::namespaced(library.client.clone(), &library.namespace)
}

async fn left(library: &Library) -> Result<(Vec<LoanJournal>, Vec<String>)> {
    let left = journals(library).list(&ListParams::default()).await?.items;
    let names = left.iter().map(ResourceExt::name_any).collect();
    Ok((left, names))
}

fn now() -> Result<String> {
    let second = Timestamp::now().as_second();
    Ok(Timestamp::from_second(second)?.to_string())
}

/// Creates a journal that is full of copies of one line.
async fn plant(library: &Library, name: &str, line: &str) -> Result<()> {
    let spec = LoanJournalSpec {
        lines: vec![line.to_owned(); LINES_MAX],
        ..LoanJournalSpec::default()
    };
    let mut journal = LoanJournal::new(name, spec);
    journal.metadata.annotations = None;
    journals(library).create(&PostParams::default(), &journal).await?;
    Ok(())
}

#[tokio::test]
async fn old_journals_are_deleted_old_names_blanked_and_the_last_journal_stays() -> Result<()> {
    let library = Library::open().await?;
    let line = |time: &str| format!("{time} borrowed a 3b241101a2bc42f1 bob by=bob");
    let (old, young) = ("2001-11-22T11:11:09Z", now()?);
    plant(&library, "000001", &line(old)).await?;
    plant(&library, "000002", &line(&young)).await?;
    plant(&library, "000003", &line(old)).await?;
    let arguments = [
        &format!("--watch-namespaces={}", library.namespace),
        "--history-days=3650",
        "--history-names-days=3649",
        "--history-check-period=0.2",
    ];
    let service = Service::start(Program::Admin, &library.cluster, &arguments).await?;
    eventually("only the old journal that is not the last is gone", async || {
        let (left, names) = left(&library).await?;
        let is_blank = |journal: &LoanJournal| {
            let lines = &journal.spec.lines;
            lines.iter().all(|line| line.ends_with(" 3b241101a2bc42f1 -"))
        };
        let blank: Vec<bool> = left.iter().map(is_blank).collect();
        Ok((names == ["000002", "000003"] && blank == [false, true]).then_some(()))
    })
    .await?;
    drop(service);
    Ok(())
}

#[tokio::test]
async fn a_namespace_keeps_about_as_many_events_as_the_flag_says() -> Result<()> {
    let library = Library::open().await?;
    for number in 1..=4 {
        let line = format!("{} borrowed a 000000000000000{number} bob", now()?);
        plant(&library, &format!("00000{number}"), &line).await?;
    }
    let arguments = [
        &format!("--watch-namespaces={}", library.namespace),
        "--history-entries=200",
        "--history-check-period=0.2",
    ];
    let service = Service::start(Program::Admin, &library.cluster, &arguments).await?;
    eventually("the oldest journals are gone", async || {
        let (_, names) = left(&library).await?;
        Ok((names == ["000003", "000004"]).then_some(()))
    })
    .await?;
    drop(service);
    Ok(())
}
