//! A test's own namespace, with clients of everything that serves it.

use anyhow::{Context as _, Result};
use bookshelf_crd::{Book, BookLoan, BookLoanSpec, BookSpec};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{Answer, Api, Cluster, Log, Service, SharedApis, eventually};

/// A test's own namespace, both APIs, and the API server as administrator.
pub struct Library {
    /// The namespace.
    pub namespace: String,
    /// A client of admin-api.
    pub admin: Api,
    /// A client of user-api.
    pub user: Api,
    /// A client of the API server, as administrator.
    pub client: Client,
    /// The cluster of the namespace.
    pub cluster: Cluster,
    /// The services behind `admin` and `user`, if other tests share them.
    pub shared: Option<SharedApis>,
}

/// Returns a book as kubectl would create it.
#[must_use]
pub fn book(id: &str) -> Book {
    let spec = BookSpec {
        author: "An Author".to_owned(),
        title: "A Title".to_owned(),
        description: None,
    };
    Book::new(id, spec)
}

/// Returns a loan as kubectl would create it.
#[must_use]
pub fn loan(id: &str, tenant: &str) -> BookLoan {
    let borrowed_by = tenant.to_owned();
    let borrowed_at = None;
    BookLoan::new(
        id,
        BookLoanSpec {
            borrowed_by,
            borrowed_at,
        },
    )
}

impl Library {
    /// Opens a library in the shared cluster, with the shared APIs.
    pub async fn open() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let shared = SharedApis::get().await?;
        let library = Self::open_in(&cluster, shared.admin(), shared.user()).await?;
        Ok(Self {
            shared: Some(shared),
            ..library
        })
    }

    /// Opens a library in any cluster, with the test's own APIs.
    pub async fn open_in(cluster: &Cluster, admin: &Service, user: &Service) -> Result<Self> {
        let client = cluster.client().await?;
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some("library-".to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces = kube::Api::all(client.clone());
        let created: Namespace = namespaces.create(&PostParams::default(), &namespace).await?;
        Ok(Self {
            namespace: created.name_any(),
            admin: admin.api()?,
            user: user.api()?,
            client,
            cluster: cluster.clone(),
            shared: None,
        })
    }

    /// Both APIs.
    #[must_use]
    pub fn apis(&self) -> [&Api; 2] {
        [&self.admin, &self.user]
    }

    /// Converts a book of admin-api to the form of `api`: user-api adds `available`.
    #[must_use]
    pub fn as_served_by(&self, api: &Api, book: &Value, available: bool) -> Value {
        let mut book = book.clone();
        if self.is_tenants(api) {
            book["available"] = available.into();
        }
        book
    }

    /// True for user-api.
    #[must_use]
    pub fn is_tenants(&self, api: &Api) -> bool {
        std::ptr::eq(api, &raw const self.user)
    }

    /// The path of the library's list.
    #[must_use]
    pub fn list_path(&self) -> String {
        format!("/book/{}", self.namespace)
    }

    /// The path of a book, or of a resource under it: `"id/borrow"`.
    #[must_use]
    pub fn path(&self, id: &str) -> String {
        format!("/book/{}/{id}", self.namespace)
    }

    /// The path of the library's loans.
    #[must_use]
    pub fn loans_path(&self) -> String {
        format!("/loan/{}", self.namespace)
    }

    /// The path of a loan.
    #[must_use]
    pub fn loan_path(&self, id: &str) -> String {
        format!("/loan/{}/{id}", self.namespace)
    }

    /// Returns the body of a request that adds a book.
    #[must_use]
    pub fn body(&self, id: &str) -> Value {
        json!({"id": id, "author": "An Author", "title": "A Title"})
    }

    /// Adds a book over HTTP, and waits until user-api serves it too.
    ///
    /// # Panics
    ///
    /// Panics if the request fails.
    pub async fn add(&self, id: &str) -> Result<Answer> {
        let answer = self.admin.post(self.list_path()).json(&self.body(id)).await?;
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.appeared(id).await?;
        Ok(answer)
    }

    /// Creates a book at the API server, as kubectl does, and waits until both APIs serve it.
    pub async fn plant(&self, book: &Book) -> Result<Book> {
        let planted = self.books().create(&PostParams::default(), book).await?;
        self.appeared(&planted.name_any()).await?;
        Ok(planted)
    }

    /// Updates a book over HTTP.
    pub async fn put(&self, id: &str, body: &Value) -> Result<Answer> {
        self.admin.put(self.path(id)).json(body).await
    }

    /// Patches a book at the API server with a merge patch, as kubectl does.
    pub async fn kubectl_patch(&self, id: &str, patch: &Value) -> Result<Book> {
        let (books, parameters) = (self.books(), PatchParams::default());
        Ok(books.patch(id, &parameters, &Patch::Merge(patch)).await?)
    }

    /// Borrows a book over HTTP.
    pub async fn borrow(&self, id: &str, tenant: &str) -> Result<Answer> {
        let path = self.path(&format!("{id}/borrow"));
        self.user.post(path).tenant(tenant).await
    }

    /// Returns a book over HTTP.
    pub async fn give_back(&self, id: &str, tenant: &str) -> Result<Answer> {
        let path = self.path(&format!("{id}/return"));
        self.user.post(path).tenant(tenant).await
    }

    /// Borrows a book over HTTP, and waits until both APIs serve the loan.
    ///
    /// # Panics
    ///
    /// Panics if the request fails.
    pub async fn lend(&self, id: &str, tenant: &str) -> Result<Value> {
        let answer = self.borrow(id, tenant).await?;
        let loan = answer.json(201);
        self.loans_at(answer.header("X-Resource-Version")).await?;
        Ok(loan)
    }

    /// Creates a loan at the API server, as kubectl does, and waits until both APIs serve it.
    pub async fn plant_loan(&self, loan: &BookLoan) -> Result<BookLoan> {
        let planted = self.loans().create(&PostParams::default(), loan).await?;
        self.loans_at(&planted.resource_version().context("a version")?)
            .await?;
        Ok(planted)
    }

    /// Waits until both APIs serve loans of this version or a newer one. `version` is the version of an object, or an
    /// `X-Resource-Version`.
    ///
    /// # Panics
    ///
    /// Panics if they do not within the patience of [`eventually`].
    pub async fn loans_at(&self, version: &str) -> Result<()> {
        // Any version of books will do.
        let version = format!("1.{}", version.split('.').next_back().unwrap_or_default());
        for api in self.apis() {
            eventually(&format!("loans are served at {version}"), async || {
                let read = api.get(self.loans_path()).tenant("nobody");
                let answer = read.header("X-Resource-Version", &version).await?;
                let is_late = answer.status == 503;
                if !is_late {
                    answer.json(200);
                }
                Ok((!is_late).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Returns the log of the shared admin-api from here on.
    pub fn log(&self) -> Result<Log> {
        let shared = self.shared.as_ref().context("a library behind shared APIs")?;
        shared.admin().log().end()
    }

    /// Returns the ids in the list of an API for `query`, such as `"?category_id=math"`.
    ///
    /// # Panics
    ///
    /// Panics if the request fails.
    pub async fn ids(&self, api: &Api, query: &str) -> Result<Vec<String>> {
        let answer = api.get(format!("{}{query}", self.list_path())).await?.json(200);
        let list = answer["list"].as_array().context("a list")?;
        list.iter()
            .map(|book| Ok(book["id"].as_str().context("an id")?.to_owned()))
            .collect()
    }

    /// Waits until both APIs serve a book with this id.
    pub async fn appeared(&self, id: &str) -> Result<()> {
        self.seen(id, |answer| answer.status == 200).await
    }

    /// Waits until neither API serves a book with this id.
    pub async fn vanished(&self, id: &str) -> Result<()> {
        self.seen(id, |answer| answer.status == 404).await
    }

    /// Waits until both APIs answer a GET of the book with a response that `accept` accepts.
    pub async fn seen(&self, id: &str, accept: impl Fn(&Answer) -> bool) -> Result<()> {
        for api in self.apis() {
            eventually(&format!("{id} is seen as it is"), async || {
                let answer = api.get(self.path(id)).await?;
                Ok(accept(&answer).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Returns a client of the books at the API server.
    #[must_use]
    pub fn books(&self) -> kube::Api<Book> {
        kube::Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns a client of the loans at the API server.
    #[must_use]
    pub fn loans(&self) -> kube::Api<BookLoan> {
        kube::Api::namespaced(self.client.clone(), &self.namespace)
    }
}
