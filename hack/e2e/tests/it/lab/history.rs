//! The history compared with the API server's audit log, over crashes, restarts and held watches.

mod audit;
mod clients;
mod compare;
mod fleet;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use bookshelf_crd::LoanJournal;
use bookshelf_crd::loan_journal::{Identity, Line, LoanJournalEvent};
use control_plane::Component;
use e2e::{Api, Library, book, eventually, show};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::Value;

use super::Turn;
use clients::{BOOKS, Progress, somebody_with_kubectl, tenant};
use compare::{Comparison, Disturbances, compare};
use fleet::{Fleet, PROCESSES};

/// The environment variable with the number of loans of a long run.
const LOANS: &str = "BOOKSHELF_HISTORY_LOANS";
const FEW_LOANS: u64 = 500;
/// The number of loans between two rounds of disturbances.
const LOANS_OF_A_ROUND: u64 = 5_000;
const PARTS: u64 = 6;

struct Run {
    turn: Turn,
    library: Library,
    fleet: Arc<Fleet>,
    progress: Arc<Progress>,
    disturbances: Disturbances,
}

/// All loans that two processes of each API and kubectl make and end are in the history as in the audit log: each once,
/// with its tenant, its times and its word. `BOOKSHELF_HISTORY_LOANS=50000` makes a long run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_what_the_audit_log_has_whatever_is_killed_or_restarted() -> Result<()> {
    let loans = env::var(LOANS).map_or(Ok(FEW_LOANS), |loans| loans.parse())?;
    let mut run = Run::start().await?;
    let namespace = run.library.namespace.clone();
    let tenants = ["bob", "ann"].map(|name| tenant(name, &namespace, &run.fleet, &run.progress));
    let kubectl = somebody_with_kubectl(&namespace, run.turn.cluster(), &run.progress).await?;
    let rounds = loans.div_ceil(LOANS_OF_A_ROUND);
    for round in 0..rounds {
        run.disturb(round, loans / rounds / PARTS).await?;
        if rounds > 1 {
            let ended = run.progress.loans.load(Ordering::Relaxed);
            show(&format!(
                "round {} of {rounds}: {ended} loans have ended",
                round + 1
            ));
        }
    }
    run.progress.end();
    for client in tenants {
        client.await?;
    }
    kubectl.await?;
    run.check(loans).await?;
    // Other tests expect the controller manager to be stopped.
    run.turn.control_plane().kill(Component::ControllerManager)?;
    run.turn.leave();
    Ok(())
}

impl Run {
    async fn start() -> Result<Self> {
        let turn = Turn::take().await?;
        turn.control_plane().restart(Component::ControllerManager).await?;
        let fleet = Arc::new(Fleet::start(turn.cluster()).await?);
        let library = open(&turn, &fleet).await?;
        for number in 0..BOOKS {
            library.plant(&book(&format!("book-{number}"))).await?;
            library.plant(&book(&format!("kubectl-{number}"))).await?;
        }
        Ok(Self {
            turn,
            library,
            fleet,
            progress: Arc::default(),
            disturbances: Disturbances::default(),
        })
    }

    /// Runs one round of disturbances, with this number of loans in each part.
    async fn disturb(&mut self, round: u64, loans: u64) -> Result<()> {
        self.fleet.wire.hold();
        self.end_books(round).await?;
        self.wait_for_loans(&self.progress.loans, loans).await?;
        self.fleet.wire.release();

        let doomed = self.lend_in_a_doomed_namespace().await?;
        for process in [3, 0] {
            let killed = self.fleet.kill(process).await;
            self.disturbances.kills.push(killed);
            self.wait_for_loans(&self.progress.loans, loans).await?;
            self.fleet.start_one(process).await?;
        }
        self.wait_until_gone(&doomed).await?;

        let from = Timestamp::now();
        self.turn.control_plane().restart(Component::Apiserver).await?;
        self.disturbances
            .without_api_server
            .push([from, Timestamp::now()]);
        self.wait_for_loans(&self.progress.loans, loans).await?;

        let mut killed = Timestamp::now();
        for process in 0..PROCESSES.len() {
            killed = killed.min(self.fleet.kill(process).await);
        }
        self.wait_for_loans(&self.progress.of_kubectl, 3).await?;
        for process in 0..PROCESSES.len() {
            self.fleet.start_one(process).await?;
        }
        let ready = Timestamp::now();
        self.disturbances.without_processes.push([killed, ready]);
        self.wait_for_loans(&self.progress.loans, loans).await?;
        // The library's clients must be those of the running processes.
        let namespace = std::mem::take(&mut self.library.namespace);
        self.library = Library {
            namespace,
            client: self.turn.cluster().client().await?,
            admin: self.fleet.running(0).await?,
            user: self.fleet.running(2).await?,
            cluster: self.turn.cluster().clone(),
            shared: None,
        };
        self.end_books(round + 1_000_000).await
    }

    /// Waits for this number of additional loans.
    async fn wait_for_loans(&self, count: &AtomicU64, loans: u64) -> Result<()> {
        let enough = count.load(Ordering::Relaxed) + loans;
        // A long part takes longer than a single wait allows.
        let mut steps = (count.load(Ordering::Relaxed)..enough).step_by(100).skip(1);
        loop {
            let next = steps.next().unwrap_or(enough);
            eventually(&format!("{next} loans have ended"), async || {
                Ok((count.load(Ordering::Relaxed) >= next).then_some(()))
            })
            .await?;
            if next == enough {
                return Ok(());
            }
        }
    }

    /// Deletes two books with their loans: one by force, and one by kubectl, whose loan the garbage collector ends.
    async fn end_books(&self, round: u64) -> Result<()> {
        let library = &self.library;
        for id in [format!("forced-{round}"), format!("gone-{round}")] {
            library
                .admin
                .post(library.list_path())
                .json(&library.body(&id))
                .await?
                .json(201);
            eventually("the book is lent", async || {
                Ok((library.borrow(&id, "eve").await?.status == 201).then_some(()))
            })
            .await?;
        }
        let forced = format!("{}?force=true", library.path(&format!("forced-{round}")));
        library.admin.delete(forced).await?.empty(204);
        let gone = format!("gone-{round}");
        library.books().delete(&gone, &DeleteParams::background()).await?;
        Ok(())
    }

    async fn lend_in_a_doomed_namespace(&self) -> Result<Library> {
        let doomed = open(&self.turn, &self.fleet).await?;
        doomed.add("book").await?;
        for number in 0..20 {
            if number == 10 {
                let namespaces: kube::Api<Namespace> = kube::Api::all(doomed.client.clone());
                namespaces
                    .delete(&doomed.namespace, &DeleteParams::default())
                    .await?;
            }
            doomed.borrow("book", "bob").await?;
            doomed.give_back("book", "bob").await?;
        }
        Ok(doomed)
    }

    async fn wait_until_gone(&self, doomed: &Library) -> Result<()> {
        let namespaces: kube::Api<Namespace> = kube::Api::all(doomed.client.clone());
        eventually("the namespace is gone, its journals included", async || {
            let there = namespaces.get_opt(&doomed.namespace).await?;
            Ok(there.is_none().then_some(()))
        })
        .await
    }

    /// Compares the journals with the audit log, and the responses of all processes with the journals.
    async fn check(&self, wanted: u64) -> Result<()> {
        let namespace = self.library.namespace.as_str();
        let mut last = Comparison::default();
        let complete = eventually("the history is what the audit log has", async || {
            let loans = audit::loans(&self.turn.audit_log(), namespace)?;
            let lines = lines(&self.library).await?;
            last = compare(&loans, &live(&self.library).await?, &lines, &self.disturbances);
            Ok(last.wrong.is_empty().then_some((loans.len(), lines)))
        });
        let complete = tokio::time::timeout(PATIENCE, complete).await;
        let Ok(complete) = complete else {
            panic!(
                "{} differences: {:#?}\n{:#?}",
                last.wrong.len(),
                &last.wrong[..last.wrong.len().min(100)],
                self.disturbances
            );
        };
        let (loans, lines) = complete?;
        show(&format!(
            "{loans} loans, {} lines; {} loans lost, {} ends without their word",
            lines.len(),
            last.lost,
            last.without_word
        ));
        // Loans of the seconds before all processes are killed may be incomplete. On a slow machine, these are many.
        let whole = loans.saturating_sub(last.lost + last.without_word);
        assert!(u64::try_from(whole)? >= wanted / 4, "{loans} loans, {last:?}");
        for process in 0..PROCESSES.len() {
            self.wait_until_stored(process).await?;
        }
        Ok(())
    }

    /// Waits until a process serves exactly the stored events of loans. It may also serve events that it is about to
    /// store.
    async fn wait_until_stored(&self, process: usize) -> Result<()> {
        let api = self.fleet.running(process).await?;
        let tenants = if process < 2 {
            vec![None]
        } else {
            vec![Some("bob"), Some("kate"), Some("eve"), Some("ann")]
        };
        let mut difference: Vec<Event> = Vec::new();
        let same = eventually("a process answers with what is stored", async || {
            let mut read = Vec::new();
            for tenant in &tenants {
                read.extend(events(&api, &self.library.namespace, *tenant).await?);
            }
            read.sort();
            let stored = events_of(&lines(&self.library).await?);
            let (there, wanted) = (BTreeSet::from_iter(&read), BTreeSet::from_iter(&stored));
            difference = there
                .symmetric_difference(&wanted)
                .map(|&event| event.clone())
                .collect();
            Ok((read == stored).then_some(()))
        });
        let Ok(same) = tokio::time::timeout(PATIENCE, same).await else {
            panic!("process {process} answers otherwise: {difference:#?}");
        };
        same
    }
}

/// A little less than the patience of `eventually`, whose message would not show the differences.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(85);

async fn open(turn: &Turn, fleet: &Fleet) -> Result<Library> {
    let client = turn.cluster().client().await?;
    let namespace = Namespace {
        metadata: kube::api::ObjectMeta {
            generate_name: Some("library-".to_owned()),
            ..Default::default()
        },
        ..Namespace::default()
    };
    let namespaces = kube::Api::all(client.clone());
    let created: Namespace = namespaces.create(&PostParams::default(), &namespace).await?;
    Ok(Library {
        namespace: created.metadata.name.context("a name")?,
        admin: fleet.running(0).await?,
        user: fleet.running(2).await?,
        client,
        cluster: turn.cluster().clone(),
        shared: None,
    })
}

/// Returns the marks of the existing loans.
async fn live(library: &Library) -> Result<BTreeSet<u64>> {
    let loans = library.loans().list(&ListParams::default()).await?;
    loans
        .iter()
        .map(|loan| audit::mark(&loan.uid().unwrap_or_default()))
        .collect()
}

async fn lines(library: &Library) -> Result<Vec<Line>> {
    let journals: kube::Api<LoanJournal> = kube::Api::namespaced(library.client.clone(), &library.namespace);
    let journals = journals.list(&ListParams::default()).await?;
    let lines = journals.items.iter().flat_map(|journal| &journal.spec.lines);
    Ok(lines.map(|line| Line::parse(line)).collect::<Result<_, _>>()?)
}

type Event = (String, String, String, String);

/// Returns the events of loans in lines, without duplicates, with the most precise word.
fn events_of(lines: &[Line]) -> Vec<Event> {
    let mut best: BTreeMap<String, &Line> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event.is_loan_event()) {
        let identity: Identity = line.identity();
        let there = best.entry(format!("{identity:?}")).or_insert(line);
        if there.event == LoanJournalEvent::Ended {
            *there = line;
        }
    }
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or_default().to_string();
    let events = best.values().map(|line| {
        let tenant = line.tenant.clone().unwrap_or_default();
        let begun = time(line.since.unwrap_or(line.at));
        (
            line.event.as_str().to_owned(),
            line.book_id.clone(),
            tenant,
            begun,
        )
    });
    let mut events: Vec<Event> = events.collect();
    events.sort();
    events
}

async fn events(api: &Api, namespace: &str, tenant: Option<&str>) -> Result<Vec<Event>> {
    let request = api.get(format!("/history/{namespace}"));
    let request = match tenant {
        Some(tenant) => request.tenant(tenant),
        None => request,
    };
    let answer = request.header("Accept", "application/x-ndjson").await?;
    let mut events = Vec::new();
    for line in answer.text().lines() {
        let event: Value = serde_json::from_str(line)?;
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        if event.get("borrowed_at").is_some() {
            events.push((
                text("event"),
                text("book_id"),
                text("borrowed_by"),
                text("borrowed_at"),
            ));
        }
    }
    Ok(events)
}

/// Returns the arguments with which an API server logs requests that make and end loans to this file.
pub(super) fn audit_arguments(log: &Path) -> [String; 3] {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("audit-policy.yaml");
    [
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", log.display()),
        // In MB. A long run exceeds the 100 MB after which the API server would start another file.
        "--audit-log-maxsize=10000".to_owned(),
    ]
}
