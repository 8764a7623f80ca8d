//! The thread that hands texts to gateways, each once its claim is durable.
//!
//! | what holds a text back | until |
//! |---|---|
//! | its entry isn't durable yet | the store's thread tells its number |
//! | commits fail | they succeed again |
//! | the store was damaged | an operator releases it |
//!
//! What waited for more than five seconds is not handed over but given back, to be decided anew: the caller may be on the
//! phone by now, or have asked for no more texts.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tracing::{error, info, warn};

use super::{AGAIN, receipt};
use crate::clock::Clock;
use crate::engine::Input;
use crate::event::{Message, MessageState};
use crate::gateway::{Answer, Found, Gateway};
use crate::store::News;
use crate::time::Span;

/// Gateways by their ids.
pub type Gateways = BTreeMap<String, Box<dyn Gateway>>;

/// Why gateways didn't take the last text each was given, and when since the machine's start; nothing of one that did.
type Refusals = BTreeMap<String, (String, Span)>;

/// The thread's other end.
pub struct Carrier {
    post: Sender<Post>,
    waiting: Arc<AtomicUsize>,
    refusals: Arc<Mutex<Refusals>>,
    clock: Arc<dyn Clock>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is given.
enum Post {
    Submit(u64, Box<Message>),
    LookUp(Box<Message>),
    News(News),
    /// Gateways that are new, or stand in the place of earlier ones.
    Gateways(Gateways),
    /// Texts may leave again.
    Release,
    /// The last number that is durable.
    Stop(u64),
}

impl Carrier {
    /// Starts the thread; its answers come out of the receiver as inputs. `held`: nothing may leave.
    pub fn start(
        gateways: Gateways,
        clock: Arc<dyn Clock>,
        held: bool,
    ) -> io::Result<(Carrier, Receiver<Input<'static>>)> {
        let (post, posted) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let waiting = Arc::<AtomicUsize>::default();
        let refusals = Arc::<Mutex<Refusals>>::default();
        let hand = Hand {
            gateways,
            clock: clock.clone(),
            answer,
            waiting: BTreeMap::new(),
            shown: waiting.clone(),
            refusals: refusals.clone(),
            durable: 0,
            degraded: false,
            held,
        };
        let thread = thread::Builder::new().name("carrier".to_owned()).spawn(move || hand.run(&posted))?;
        Ok((Carrier { post, waiting, refusals, clock, thread: Some(thread) }, answers))
    }

    /// What the store's thread tells goes here.
    pub fn news(&self) -> impl FnMut(News) + Send + 'static {
        let post = self.post.clone();
        move |news| match news {
            News::Writing(_) | News::Written => {}
            news => drop(post.send(Post::News(news))),
        }
    }

    /// Hands a text over once entry `n` is durable.
    pub fn submit(&self, n: u64, message: Box<Message>) {
        self.give(Post::Submit(n, message));
    }

    /// Asks a text's gateway what became of it.
    pub fn look_up(&self, message: Box<Message>) {
        self.give(Post::LookUp(message));
    }

    /// Uses these gateways too, in place of earlier ones with their ids.
    pub fn add(&self, gateways: Gateways) {
        self.give(Post::Gateways(gateways));
    }

    /// Lets texts leave again: an operator looked at the damage.
    pub fn let_go(&self) {
        self.give(Post::Release);
    }

    /// How many texts wait to be handed over.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Why gateways didn't take the last text they were given, by their ids. A text is tried again each half minute: what was
    /// said long before now goes for none that still waits.
    pub fn refusals(&self) -> BTreeMap<String, String> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.boottime().as_micros();
        let fresh = |at: &Span| now.saturating_sub(at.as_micros()) <= TOLD_FOR.as_micros();
        let fresh = refusals.iter().filter(|(_, (_, at))| fresh(at));
        fresh.map(|(id, (why, _))| (id.clone(), why.clone())).collect()
    }

    /// Ends the thread after what it was given before; what isn't durable by then is not handed over.
    pub fn stop(&mut self, durable: u64) {
        self.give(Post::Stop(durable));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("a gateway broke down; please report it");
        }
    }

    fn give(&self, post: Post) {
        // The thread ends by `Stop` alone, or broke, which `stop` tells.
        let _ = self.post.send(post);
    }
}

/// The thread: gateways, and texts on their way.
struct Hand {
    gateways: Gateways,
    clock: Arc<dyn Clock>,
    answer: Sender<Input<'static>>,
    /// By the number of the entry that claims each, with when it came.
    waiting: BTreeMap<u64, (Box<Message>, Span)>,
    /// How many those are, for others.
    shown: Arc<AtomicUsize>,
    refusals: Arc<Mutex<Refusals>>,
    durable: u64,
    degraded: bool,
    held: bool,
}

impl Hand {
    fn run(mut self, posted: &Receiver<Post>) {
        while let Ok(post) = posted.recv() {
            match post {
                Post::Submit(n, message) => {
                    self.waiting.insert(n, (message, self.clock.boottime()));
                }
                Post::LookUp(message) => self.look_up(&message),
                Post::News(news) => self.hear(news),
                Post::Gateways(gateways) => self.gateways.extend(gateways),
                Post::Release => self.held = false,
                Post::Stop(durable) => {
                    self.durable = self.durable.max(durable);
                    return self.release();
                }
            }
            self.release();
            self.shown.store(self.waiting.len(), Ordering::Relaxed);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Writing(_) | News::Written => {}
            News::Durable(n) => self.durable = self.durable.max(n),
            News::Degraded(why) => {
                error!("the store can't be written: {why}; texts wait");
                self.degraded = true;
            }
            News::Recovered => {
                info!("the store can be written again");
                self.degraded = false;
            }
            News::Damaged(damage) => {
                error!("{damage}");
                self.held = true;
            }
        }
    }

    fn release(&mut self) {
        while !self.held
            && !self.degraded
            && let Some(first) = self.waiting.first_entry().filter(|first| *first.key() <= self.durable)
        {
            let (message, came) = first.remove();
            let waited = self.clock.boottime().as_micros().saturating_sub(came.as_micros());
            let answer = match waited > FRESH.as_micros() {
                true => Input::NotAccepted(message.key, Span::ZERO),
                false => self.submit(&message),
            };
            self.tell(answer);
        }
    }

    fn submit(&mut self, message: &Message) -> Input<'static> {
        let Some((id, gateway)) = of(&mut self.gateways, message) else {
            return receipt(&message.key, MessageState::Failed, None);
        };
        let answer = gateway.submit(message);
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Answer::Accepted(_) => refusals.remove(id),
            Answer::NotAccepted(why) | Answer::Unknown(why) => {
                refusals.insert(id.to_owned(), (why.clone(), self.clock.boottime()))
            }
        };
        match answer {
            Answer::Accepted(own) => receipt(&message.key, MessageState::Accepted, Some(own)),
            Answer::NotAccepted(why) => {
                warn!("gateway {id}: text {} not accepted: {why}; tried again", message.key);
                Input::NotAccepted(message.key.clone(), AGAIN)
            }
            Answer::Unknown(why) => {
                warn!("gateway {id}: text {} may or may not have left: {why}", message.key);
                receipt(&message.key, MessageState::Unknown, None)
            }
        }
    }

    fn look_up(&mut self, message: &Message) {
        let found = of(&mut self.gateways, message).map_or(Found::Unknown, |(_, it)| it.find(&message.key));
        let answer = match found {
            Found::Accepted(own) => receipt(&message.key, MessageState::Accepted, Some(own)),
            Found::Absent => Input::NotAccepted(message.key.clone(), Span::ZERO),
            Found::Unknown => receipt(&message.key, MessageState::Unknown, None),
        };
        info!("text {}: claimed when the last run ended; looked up", message.key);
        self.tell(answer);
    }

    fn tell(&self, answer: Input<'static>) {
        // Who would hear it has stopped; the next run looks it up.
        let _ = self.answer.send(answer);
    }
}

fn of<'g>(gateways: &'g mut Gateways, message: &Message) -> Option<(&'g str, &'g mut Box<dyn Gateway>)> {
    let wanted = message.gateway.as_deref()?;
    let found = gateways.iter_mut().find(|(id, _)| *id == wanted);
    found.map(|(id, gateway)| (id.as_str(), gateway))
}

/// A refusal is told for so long after the last one.
const TOLD_FOR: Span = Span::from_secs(600);

/// What a decision rests on may have changed after this.
const FRESH: Span = Span::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;
    use crate::gateway::sample;
    use crate::time::Timestamp;

    /// Accepts everything, and tells what it was given.
    struct Given(Sender<String>);

    impl Gateway for Given {
        fn submit(&mut self, message: &Message) -> Answer {
            self.0.send(message.key.clone()).expect("is heard");
            Answer::Accepted("1".into())
        }

        fn find(&mut self, key: &str) -> Found {
            if key == "known" { Found::Accepted("1".into()) } else { Found::Absent }
        }
    }

    struct Desk {
        carrier: Carrier,
        answers: Receiver<Input<'static>>,
        given: Receiver<String>,
        clock: Arc<HandClock>,
        news: Box<dyn FnMut(News)>,
    }

    fn desk(held: bool) -> Desk {
        let (give, given) = mpsc::channel();
        let gateways = Gateways::from([("main".to_owned(), Box::new(Given(give)) as Box<dyn Gateway>)]);
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let (carrier, answers) = Carrier::start(gateways, clock.clone(), held).expect("a thread");
        let news = Box::new(carrier.news());
        Desk { carrier, answers, given, clock, news }
    }

    fn text(key: &str) -> Box<Message> {
        Box::new(sample(key))
    }

    impl Desk {
        /// What the gateway was given, and the answers, once the thread has ended.
        fn end(mut self) -> (Vec<String>, Vec<String>) {
            self.carrier.stop(0);
            let answer = |input| match input {
                Input::Receipt(receipt) => format!("{} {}", receipt.key, receipt.state.word()),
                Input::NotAccepted(key, _) => format!("{key} not accepted"),
                other => format!("{other:?}"),
            };
            (self.given.try_iter().collect(), self.answers.try_iter().map(answer).collect())
        }
    }

    #[test]
    fn a_text_leaves_only_once_its_claim_is_durable() {
        let mut desk = desk(false);
        desk.carrier.submit(7, text("a"));
        desk.carrier.submit(9, text("b"));
        (desk.news)(News::Durable(8));
        assert_eq!(desk.end(), (vec!["a".into()], vec!["a accepted".into()]));
    }

    #[test]
    fn what_a_gateway_says_instead_of_taking_a_text_is_told_until_it_takes_one() {
        struct Full(bool);
        impl Gateway for Full {
            fn submit(&mut self, _: &Message) -> Answer {
                let full = std::mem::replace(&mut self.0, false);
                if full { Answer::NotAccepted("it is full".into()) } else { Answer::Accepted("1".into()) }
            }

            fn find(&mut self, _: &str) -> Found {
                Found::Unknown
            }
        }
        let mut desk = desk(false);
        desk.carrier.add(Gateways::from([("main".to_owned(), Box::new(Full(true)) as Box<dyn Gateway>)]));
        (desk.news)(News::Durable(2));
        desk.carrier.submit(1, text("a"));
        assert!(desk.answers.recv().is_ok());
        assert_eq!(desk.carrier.refusals(), BTreeMap::from([("main".into(), "it is full".into())]));
        desk.carrier.submit(2, text("a"));
        assert!(desk.answers.recv().is_ok());
        assert_eq!(desk.carrier.refusals(), BTreeMap::new());
    }

    #[test]
    fn nothing_leaves_while_the_store_fails_or_is_held() {
        let mut degraded = desk(false);
        (degraded.news)(News::Degraded("full".into()));
        degraded.carrier.submit(1, text("a"));
        (degraded.news)(News::Durable(1));
        assert_eq!(degraded.end().0, [""; 0]);
        let mut held = desk(true);
        held.carrier.submit(1, text("a"));
        (held.news)(News::Durable(1));
        assert_eq!(held.end().0, [""; 0]);
    }

    #[test]
    fn texts_leave_again_once_an_operator_says_so_and_by_new_gateways() {
        let mut held = desk(true);
        held.carrier.submit(1, text("a"));
        (held.news)(News::Durable(1));
        let (give, given) = mpsc::channel();
        held.carrier.add(Gateways::from([("main".to_owned(), Box::new(Given(give)) as Box<dyn Gateway>)]));
        held.carrier.let_go();
        assert_eq!(held.end(), (vec![], vec!["a accepted".into()]));
        assert_eq!(given.try_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_waited_too_long_is_decided_anew() {
        let mut desk = desk(false);
        (desk.news)(News::Degraded("full".into()));
        desk.carrier.submit(1, text("a"));
        // The look-up is answered after the text before it was taken.
        desk.carrier.look_up(text("known"));
        assert!(desk.answers.recv().is_ok());
        desk.clock.pass(Span::from_secs(6));
        (desk.news)(News::Durable(1));
        (desk.news)(News::Recovered);
        assert_eq!(desk.end(), (vec![], vec!["a not accepted".into()]));
    }

    #[test]
    fn a_text_claimed_by_an_earlier_run_is_looked_up() {
        let desk = desk(false);
        desk.carrier.look_up(text("known"));
        desk.carrier.look_up(text("lost"));
        assert_eq!(desk.end(), (vec![], vec!["known accepted".into(), "lost not accepted".into()]));
    }
}
