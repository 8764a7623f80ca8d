//! The texts and tasks of a plan: which variables have values, who sends, who is to do what.

use super::case::Plan;
use super::template::{self, Values, Variable, Wording};
use super::{presence, segments};
use crate::event::{CallKey, CallSeen, Message, MessageState, Task};
use crate::phone::{Number, Party};
use crate::rules::{Why, calendar, gates};
use crate::settings::{Action, Did, Gateway, Line, Settings, Step};
use crate::time::{Span, Timestamp};

/// What variables mean for a call.
pub(super) fn values(settings: &Settings, line: Option<&Line>, seen: &CallSeen, case: &str) -> Values {
    Values {
        business: Some(settings.site.short.clone()).filter(|name| !name.is_empty()),
        first: None,
        line: line.and_then(|line| shown_line(settings, line, seen)),
        owner: None,
        source: line.and_then(|line| line.source.clone()),
        caller: presence::caller(seen).map(Party::national),
        links: Vec::new(),
        local_time: Some(calendar::local_time(&settings.site.tz, seen.began)),
        task_title: None,
        case: Some(case.to_owned()),
    }
}

/// Whether a variable has a value for every call to every line; `check` refuses one that may not and has no
/// fallback.
pub fn is_known(settings: &Settings, variable: &Variable) -> bool {
    let lines = &settings.lines;
    match variable {
        Variable::Business => !settings.site.short.is_empty(),
        Variable::Greet | Variable::Caller | Variable::LocalTime | Variable::CaseId => true,
        Variable::Line => lines.iter().all(|line| line.did.iter().any(|did| !matches!(did, Did::User(_)))),
        Variable::Source => lines.iter().all(|line| line.source.is_some()),
        Variable::First | Variable::Owner | Variable::TaskTitle | Variable::Link(_) => false,
    }
}

/// The text of a step, planned; its body is empty where the template can't be filled.
pub(super) fn message(plan: &Plan, at: usize, (to, due): (&Party, Timestamp), case: &str) -> Option<Message> {
    let step = plan.step(at)?;
    let Action::Sms { template } = &step.action else {
        return None;
    };
    let variants = plan.settings.templates.get(template).map_or(&[][..], |template| &template.variants);
    let variant = template::choose(variants, case);
    let wording = variant.and_then(|variant| Wording::parse(&variant.text).ok());
    let body = wording.and_then(|wording| wording.fill(&plan.values).ok()).unwrap_or_default();
    let size = segments::measure(&body);
    let sender = plan.line().and_then(|line| sender(&plan.settings, line));
    let permitted = gates::consent(&plan.settings.consent).is_ok();
    Some(Message {
        key: key(plan, step),
        case: case.to_owned(),
        due,
        sent: None,
        channel: "sms".into(),
        to: to.clone(),
        from: sender.and_then(|(_, gateway)| gateway.from),
        template: template.clone(),
        variant: variant.and_then(|variant| variant.id.clone()),
        encoding: size.encoding.as_str().into(),
        segments: if body.is_empty() { 0 } else { size.segments },
        body,
        consent: if permitted { "response" } else { "none" }.into(),
        state: MessageState::Planned,
        why: None,
        attempts: 0,
        gateway: sender.map(|(id, _)| id.to_owned()),
        gateway_ref: None,
        trail: Vec::new(),
    })
}

/// The task of a step.
pub(super) fn task(plan: &Plan, at: usize, case: &str, now: Timestamp) -> Option<Task> {
    let step = plan.step(at)?;
    let Action::Task { to, title, due } = &step.action else {
        return None;
    };
    let line_owner = || plan.line().and_then(|line| line.owner.clone());
    let owner = to.clone().filter(|to| to != LINE_OWNER).or_else(line_owner);
    let title = titled(title.as_deref().unwrap_or(TITLE), &plan.values);
    let due = due.map(|span: Span| now + span);
    Some(Task { key: key(plan, step), case: case.to_owned(), at: now, owner, due, title, why: None })
}

/// The task of a call that no step asks one for, or whose text can't be sent.
pub(super) fn bare_task(
    (call, at): (CallKey, Timestamp),
    why: Why,
    owner: Option<String>,
    values: &Values,
) -> Task {
    Task {
        key: format!("{call}/{}", why.code()),
        case: values.case.clone().unwrap_or_default(),
        at,
        owner,
        due: None,
        title: titled(TITLE, values),
        why: Some(why.into()),
    }
}

/// A title with its variables filled, as far as they have values.
fn titled(title: &str, values: &Values) -> String {
    Wording::parse(title).map_or_else(|_| title.to_owned(), |wording| wording.fill_roughly(values))
}

/// The gateway a line's texts leave by: its own, else the only one.
fn sender<'a>(settings: &'a Settings, line: &Line) -> Option<(&'a str, &'a Gateway)> {
    let (id, gateway) = match &line.sms_from {
        Some(id) => settings.gateways.get_key_value(id)?,
        None if settings.gateways.len() == 1 => settings.gateways.first_key_value()?,
        None => return None,
    };
    Some((id, gateway))
}

/// The key of a step's text or task.
pub(super) fn key(plan: &Plan, step: &Step) -> String {
    let sequence = plan.sequence().map_or("", |sequence| &sequence.id);
    format!("{}/{sequence}/{}", plan.call, step.id)
}

/// The number called if it is the line's, else the line's first, else the one its texts come from; where all
/// are missing, what was dialled.
fn shown_line(settings: &Settings, line: &Line, seen: &CallSeen) -> Option<String> {
    let numbers = line.did.iter().filter_map(|did| match did {
        Did::Number(number) => Some(*number),
        Did::User(_) | Did::Rest => None,
    });
    let called = seen.called.as_ref().and_then(Party::number);
    let own = called.filter(|called| numbers.clone().any(|number| number == *called));
    let from = || sender(settings, line).and_then(|(_, gateway)| gateway.from);
    let number = own.or_else(|| numbers.clone().next()).or(called).or_else(from);
    number.map(Number::national).or_else(|| seen.called.as_ref().map(Party::national))
}

/// What a task says that has no title of its own.
const TITLE: &str = "Call back {caller}";
const LINE_OWNER: &str = "line.owner";
