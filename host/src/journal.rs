//! The journal of a run: each answer is on disk before a guest sees it.
//!
//! Results are written case by case, and a case may make many calls: what was
//! answered to a case that never ended would be lost, and paid for again. So
//! each answer is appended here first. When a run is resumed, the calls of its
//! unfinished cases are answered from here, and only what was never answered is
//! sent again. A run that ends well has no more use for its journal.

mod lines;
mod searches;

use std::collections::HashMap;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use fapo_core::budget::Amount;
use fapo_core::call::{Delivery, Found, GenerateRequest, ProviderError};
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use serde::{Deserialize, Serialize};

use crate::exit::{CommandResult, file_error};
use lines::Lines;
pub(crate) use searches::journaled as journaled_searches;

/// The journal's name in a run's directory.
const NAME: &str = "journal.jsonl";

/// A call, told apart from all others of its run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key {
    case_id: CaseId,
    repeat: u32,
    role: Role,
    seq: u32,
}

impl Key {
    fn of(site: &CallSite) -> Self {
        Self {
            case_id: site.case.clone(),
            repeat: site.repeat,
            role: site.role,
            seq: site.seq,
        }
    }
}

/// One line: a call was sent, or it was answered.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    /// Tells whether the same call asks the same; empty when it was only sent.
    #[serde(default)]
    asked: String,
    /// What came back; none when the request was only sent.
    #[serde(default)]
    delivery: Option<Delivery>,
    /// What a search server found, where it is one that was asked.
    #[serde(default)]
    found: Option<Found>,
    /// Whether the world could not answer: then nothing was paid, and the same
    /// is asked again when the run is resumed.
    #[serde(default)]
    gave_up: bool,
    /// Whether it came at once, so that no line says that it was sent.
    #[serde(default)]
    at_once: bool,
}

/// A line to be written: [`Entry`] with what it borrows.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    key: &'a Key,
    #[serde(skip_serializing_if = "str::is_empty")]
    asked: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a Delivery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a Found>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gave_up: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_once: bool,
}

impl<'a> Line<'a> {
    /// Returns a line that says that a call was sent.
    fn sent(key: &'a Key) -> Self {
        Self {
            key,
            asked: "",
            delivery: None,
            found: None,
            gave_up: false,
            at_once: false,
        }
    }
}

/// What came back to a question.
enum Answered {
    Model(Box<Delivery>),
    Search(Found),
}

fn answered_by(delivery: Option<Delivery>, found: Option<Found>) -> Option<Answered> {
    delivery
        .map(|delivery| Answered::Model(Box::new(delivery)))
        .or_else(|| found.map(Answered::Search))
}

/// The journal of one run.
pub(crate) struct Journal {
    path: PathBuf,
    lines: Lines,
    /// What an earlier process of this run was answered.
    answered: Mutex<HashMap<Key, (String, Answered)>>,
    has_answers: AtomicBool,
    /// Requests that an earlier process sent, and whose answer it never saw.
    maybe_paid: AtomicU64,
    /// Why the journal cannot be written any more.
    broken: Mutex<Option<io::Error>>,
    is_broken: AtomicBool,
}

impl Journal {
    /// Opens the journal of a run; of one that is resumed with the answers to
    /// the rows that are not `finished`.
    pub(crate) fn open(
        dir: &Path,
        finished: impl Fn(&CaseId, u32) -> bool,
    ) -> CommandResult<Arc<Self>> {
        let path = dir.join(NAME);
        let (answered, maybe_paid) = match File::open(&path) {
            Ok(file) => read(file, finished).map_err(|error| file_error("read", &path, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (HashMap::new(), 0),
            Err(error) => return Err(file_error("read", &path, error)),
        };
        let lines = Lines::open(&path).map_err(|error| file_error("write", &path, error))?;
        Ok(Arc::new(Self {
            path,
            lines,
            has_answers: AtomicBool::new(!answered.is_empty()),
            answered: Mutex::new(answered),
            maybe_paid: AtomicU64::new(maybe_paid),
            broken: Mutex::new(None),
            is_broken: AtomicBool::new(false),
        }))
    }

    /// Returns how many requests an earlier process may have paid for in vain.
    pub(crate) fn maybe_paid(&self) -> u64 {
        self.maybe_paid.load(Relaxed)
    }

    /// Returns what an earlier process paid for cases that are not finished.
    pub(crate) fn spent(&self) -> Amount {
        let answered = self.answered.lock().expect("nobody panics with it");
        let calls = Amount {
            calls: self.maybe_paid(),
            ..Amount::default()
        };
        let deliveries = answered
            .values()
            .filter_map(|(_, answered)| match answered {
                Answered::Model(delivery) => Some(delivery),
                Answered::Search(_) => None,
            });
        deliveries.fold(calls, |sum, delivery| {
            let usage = delivery.answer.as_ref().ok().map(|answer| answer.usage);
            sum.plus(delivery.receipt.amount(usage.as_ref()))
        })
    }

    /// Fails when an answer could not be kept: what is built on it is not written either.
    pub(crate) fn check(&self) -> CommandResult<()> {
        if !self.is_broken.load(Relaxed) {
            return Ok(());
        }
        let error = self.broken.lock().expect("nobody panics with it").take();
        let error = error.unwrap_or_else(|| io::ErrorKind::Other.into());
        Err(file_error("write to", &self.path, error))
    }

    /// Forgets the journal of a run that has ended well.
    pub(crate) fn remove(&self) -> CommandResult<()> {
        std::fs::remove_file(&self.path).map_err(|error| file_error("remove", &self.path, error))
    }

    /// Takes what an earlier process was answered to the same question.
    fn take(&self, key: &Key, asked: &str) -> Option<Answered> {
        if !self.has_answers.load(Relaxed) {
            return None;
        }
        let mut answered = self.answered.lock().expect("nobody panics with it");
        match answered.get(key) {
            Some((before, _)) if before == asked => answered.remove(key).map(|(_, answer)| answer),
            _ => None,
        }
    }

    /// Notes that a request is about to leave.
    pub(crate) async fn sends(&self, site: &CallSite) -> Result<(), ProviderError> {
        self.append(&Line::sent(&Key::of(site))).await
    }

    async fn append(&self, line: &Line<'_>) -> Result<(), ProviderError> {
        let appended = match line.at_once {
            // Whoever asked gets it within the same poll.
            true => self.lines.append(line),
            false => self.lines.append_together(line).await,
        };
        appended.map_err(|error| ProviderError::Unavailable(self.breaks(error).into()))
    }

    /// Waits until the disk has all that was appended: an answer that was paid
    /// for outlives the power, too.
    async fn sync(&self) -> Result<(), ProviderError> {
        let synced = self.lines.sync().await;
        synced.map_err(|error| ProviderError::Unavailable(self.breaks(error).into()))
    }

    /// Notes that the journal cannot be written, and says so.
    fn breaks(&self, error: io::Error) -> String {
        let why = format!("the journal cannot be written: {error}");
        *self.broken.lock().expect("nobody panics with it") = Some(error);
        self.is_broken.store(true, Relaxed);
        why
    }
}

/// Reads the answers to rows that are not finished, and counts the questions
/// to which none came.
#[expect(clippy::type_complexity, reason = "it is taken apart at once")]
fn read(
    file: File,
    finished: impl Fn(&CaseId, u32) -> bool,
) -> io::Result<(HashMap<Key, (String, Answered)>, u64)> {
    let mut answered = HashMap::new();
    let mut sent: HashMap<Key, u64> = HashMap::new();
    for line in BufReader::new(file).split(b'\n') {
        // A line that was cut by a kill is one that was not written.
        let Ok(entry) = serde_json::from_slice::<Entry>(&line?) else {
            continue;
        };
        let came = answered_by(entry.delivery, entry.found);
        if came.is_some() || entry.gave_up {
            match sent.get_mut(&entry.key).filter(|_| !entry.at_once) {
                Some(0 | 1) => drop(sent.remove(&entry.key)),
                Some(n) => *n -= 1,
                None => {}
            }
            if let Some(came) = came
                && !finished(&entry.key.case_id, entry.key.repeat)
            {
                answered.insert(entry.key, (entry.asked, came));
            }
        } else {
            *sent.entry(entry.key).or_default() += 1;
        }
    }
    Ok((answered, sent.values().sum()))
}

/// A provider whose answers are in the journal before anyone sees them.
struct Journaled {
    provider: Arc<dyn Provider>,
    journal: Arc<Journal>,
    /// Whether answers are made in this process: then nothing is paid for a
    /// question that has no answer yet, and it is noted only when it must wait.
    /// Of all others it is noted where a request leaves.
    is_local: bool,
}

/// Puts a journal before a provider.
pub(crate) fn journaled(
    provider: Arc<dyn Provider>,
    journal: &Arc<Journal>,
    is_local: bool,
) -> Arc<dyn Provider> {
    Arc::new(Journaled {
        provider,
        journal: journal.clone(),
        is_local,
    })
}

impl Provider for Journaled {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        self.provider.complete(role, request);
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let key = Key::of(&site);
        let asked = asked(&site, &*request);
        if let Some(Answered::Model(delivery)) = self.journal.take(&key, &asked) {
            return Box::pin(std::future::ready(*delivery));
        }
        let (journal, is_local) = (self.journal.clone(), self.is_local);
        let mut answer = self.provider.generate(site, request);
        Box::pin(async move {
            let at_once = match is_local {
                true => poll_once(&mut answer).await,
                false => None,
            };
            let mut came_at_once = at_once.is_some();
            let delivery = match at_once {
                Some(delivery) => delivery,
                None => {
                    if is_local && let Err(error) = journal.append(&Line::sent(&key)).await {
                        return Err(error).into();
                    }
                    answer.await
                }
            };
            came_at_once |= !is_local && delivery.receipt.attempts == 0;
            let gave_up = is_of_the_world(&delivery);
            let line = Line {
                key: &key,
                asked: &asked,
                delivery: (!gave_up).then_some(&delivery),
                found: None,
                gave_up,
                at_once: came_at_once,
            };
            if let Err(error) = journal.append(&line).await {
                return Err(error).into();
            }
            if delivery.receipt.paid_usd != Some(0.0)
                && let Err(error) = journal.sync().await
            {
                return Err(error).into();
            }
            delivery
        })
    }
}

fn is_of_the_world(delivery: &Delivery) -> bool {
    use ProviderError::{BudgetSpent, Denied, Unavailable};
    matches!(
        delivery.answer,
        Err(Unavailable(_) | Denied(_) | BudgetSpent(_))
    )
}

/// Returns the answer if it is there.
async fn poll_once(answer: &mut Answer<Delivery>) -> Option<Delivery> {
    std::future::poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *answer).poll(context) {
            Poll::Ready(delivery) => Some(delivery),
            Poll::Pending => None,
        })
    })
    .await
}

/// Returns what tells one question from another, in few bytes.
fn asked(site: &CallSite, request: &impl Hash) -> String {
    let mut question = Question::default();
    site.step.hash(&mut question);
    request.hash(&mut question);
    format!("{:016x}", question.finish())
}

/// A hash that is the same in every process: a checksum, and a length before it.
/// It is compared with that of the same call of the same case, which is another
/// one only where a guest does not do the same again.
#[derive(Default)]
struct Question {
    checksum: crc32fast::Hasher,
    n_bytes: u64,
}

impl Hasher for Question {
    fn write(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.n_bytes += bytes.len() as u64;
    }

    fn finish(&self) -> u64 {
        self.n_bytes << 32 | u64::from(self.checksum.clone().finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;
    use fapo_core::call::{Choice, Completion, FinishReason, Usage};
    use fapo_core::message::{ContentPart, Message, Speaker};

    /// Answers with how often it was asked.
    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Provider for Counting {
        fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
            let n = self.0.fetch_add(1, Relaxed);
            let completion = Completion {
                model: "counting".into(),
                choices: vec![Choice {
                    text: n.to_string().into(),
                    tool_calls: vec![],
                    finish_reason: FinishReason::Stop,
                    opaque: vec![],
                }],
                usage: Usage::default(),
            };
            Box::pin(std::future::ready(Ok(completion).into()))
        }
    }

    struct Silent;

    impl Provider for Silent {
        fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
            Box::pin(std::future::pending())
        }
    }

    fn says(text: &str) -> Arc<GenerateRequest> {
        Arc::new(GenerateRequest {
            messages: vec![Message {
                role: Speaker::User,
                content: vec![ContentPart::Text(text.into())],
                tool_calls: vec![],
                tool_call_id: None,
            }],
            ..GenerateRequest::default()
        })
    }

    fn journaled(dir: &Path, provider: Arc<dyn Provider>) -> Journaled {
        let journal = Journal::open(dir, |case, _| case.as_str() == "finished");
        Journaled {
            provider,
            journal: journal.unwrap_or_else(|error| panic!("{:?}", error.chain())),
            is_local: true,
        }
    }

    fn text(delivery: Delivery) -> String {
        delivery.answer.unwrap().choices[0].text.as_str().into()
    }

    #[tokio::test]
    async fn what_was_answered_is_not_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let counting: Arc<dyn Provider> = Arc::new(Counting::default());
        let first = journaled(dir.path(), counting.clone());
        assert_eq!(text(first.generate(site("a"), says("x")).await), "0");
        assert_eq!(text(first.generate(site("finished"), says("x")).await), "1");
        drop(first);
        let again = journaled(dir.path(), counting);
        assert_eq!(text(again.generate(site("a"), says("x")).await), "0");
        assert_eq!(
            text(again.generate(site("a"), says("x")).await),
            "2",
            "an answer is taken once"
        );
        assert_eq!(text(again.generate(site("finished"), says("x")).await), "3");
    }

    #[tokio::test]
    async fn another_question_in_the_same_place_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let counting: Arc<dyn Provider> = Arc::new(Counting::default());
        let first = journaled(dir.path(), counting.clone());
        first.generate(site("a"), says("x")).await;
        let again = journaled(dir.path(), counting);
        assert_eq!(text(again.generate(site("a"), says("y")).await), "1");
    }

    #[tokio::test]
    async fn a_question_without_an_answer_may_have_been_paid_for() {
        let dir = tempfile::tempdir().unwrap();
        let silent = journaled(dir.path(), Arc::new(Silent));
        let mut waiting = silent.generate(site("a"), says("x"));
        // Once to have its line wait, and once to write it.
        for _ in 0..2 {
            assert!(poll_once(&mut waiting).await.is_none());
        }
        let again = journaled(dir.path(), Arc::new(Counting::default()));
        assert_eq!(again.journal.maybe_paid(), 1);
        assert_eq!(text(again.generate(site("a"), says("x")).await), "0");
        let last = journaled(dir.path(), Arc::new(Counting::default()));
        assert_eq!(last.journal.maybe_paid(), 1, "it stays so");
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_is_one_that_was_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let counting: Arc<dyn Provider> = Arc::new(Counting::default());
        let first = journaled(dir.path(), counting.clone());
        first.generate(site("a"), says("x")).await;
        first.generate(site("b"), says("x")).await;
        let path = dir.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        let again = journaled(dir.path(), counting);
        assert_eq!(text(again.generate(site("a"), says("x")).await), "0");
        assert_eq!(text(again.generate(site("b"), says("x")).await), "2");
    }
}
