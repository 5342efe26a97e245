//! A wake that a person asks for, to see whether it works. It tells of no message, costs what any wake costs, and leaves a
//! busy agent alone.

use std::time::{Duration, Instant};

use junction_shared::protocol::wire::Hindrance;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Wake;
use super::notice::trial_notice;
use super::running_trial::{RunningTrial, TrialSigns};
use crate::clients::{WakeOutcome, WakingWay};
use junction_engine::now;

/// How long a sign of the agent is waited for.
pub(crate) const SIGN_TIME: Duration = Duration::from_secs(15);

/// What came of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TrialOutcome {
    /// A turn began with the notice, by the client's own word.
    Woken,
    /// The agent was at work soon after the notice was given.
    AtWork,
    /// The client refused the notice.
    Dropped,
    /// Nothing was seen of the agent in [`SIGN_TIME`].
    NoSign,
    /// Nothing can wake the agent, and nothing was tried.
    NoWay,
    /// The agent is at work or waits for its user, and was left alone.
    Busy,
    /// A call of the agent waits for messages, and was left alone.
    Waits,
    /// The agent was woken as often as it may be for now, or another trial runs.
    TooSoon,
}

/// What a trial has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WakeTrial {
    /// The way that took the notice, or is there.
    pub(crate) way: Option<WakingWay>,
    pub(crate) outcome: TrialOutcome,
    /// How long that took, or when the trial may be repeated.
    pub(crate) after: Option<Duration>,
    /// Why nothing can wake the agent.
    pub(crate) hindrance: Option<Hindrance>,
    /// The way that a message would go after a notice that was refused.
    pub(crate) next: Option<WakingWay>,
}

/// Wakes the agent by the first way that takes the notice, and waits for what comes of it.
pub(crate) async fn try_wake(wake: &Wake) -> WakeTrial {
    let began = now();
    let (notice, mut signs) = match begin(wake, began) {
        Ok(begun) => begun,
        Err(refused) => return refused,
    };
    let channels = &wake.0.channels;
    let Some(at) = channels.try_wake(&notice).await else {
        let mut agent = wake.agent();
        agent.trial = None;
        agent.policy.trial_lost();
        let hindrance = wake.obstacle(&agent).or(Some(Hindrance::NoWay));
        return WakeTrial { hindrance, ..untried(TrialOutcome::NoWay) };
    };
    // So that the client's own word is looked at soon.
    wake.0.changed.notify_one();
    let is_told = channels.tells_outcome(at);
    if let Some(trial) = &mut wake.agent().trial {
        trial.is_plugins = is_told;
    }
    let is_seen = |signs: &TrialSigns| {
        signs.outcome.is_some() || (!is_told && (signs.moved_at.is_some() || signs.is_persons))
    };
    let _ = timeout(SIGN_TIME, signs.wait_for(is_seen)).await;
    wake.agent().trial = None;
    let seen = *signs.borrow();
    let moved_at = seen.moved_at.filter(|_| !seen.is_persons);
    let (outcome, at_last) = match (seen.outcome, moved_at) {
        (Some(WakeOutcome::Woken), _) => (TrialOutcome::Woken, Some(now())),
        (Some(WakeOutcome::Dropped), _) => (TrialOutcome::Dropped, Some(now())),
        (None, Some(moved)) => (TrialOutcome::AtWork, Some(moved)),
        (None, None) => (TrialOutcome::NoSign, None),
    };
    WakeTrial {
        way: channels.way_of(at),
        outcome,
        after: at_last.map(|at| at.saturating_duration_since(began)),
        hindrance: None,
        next: channels.way().filter(|_| outcome == TrialOutcome::Dropped),
    }
}

/// Counts the trial, and watches for what comes of it. An error is what there is to say instead of trying.
fn begin(wake: &Wake, now: Instant) -> Result<(String, watch::Receiver<TrialSigns>), WakeTrial> {
    let mut agent = wake.agent();
    agent.policy.update(wake.0.engine.snapshot());
    if agent.activity.is_waiting(now) {
        let way = Some(WakingWay::WaitingCall);
        return Err(WakeTrial { way, ..untried(TrialOutcome::Waits) });
    }
    if agent.policy.hold.is_on(now) {
        let hindrance = Some(Hindrance::Held);
        return Err(WakeTrial { hindrance, ..untried(TrialOutcome::NoWay) });
    }
    if agent.trial.is_some() {
        let after = Some(SIGN_TIME);
        return Err(WakeTrial { after, ..untried(TrialOutcome::TooSoon) });
    }
    let is_at_work = agent.is_in_turn(now) || agent.activity.wakeable_from(now) > now;
    if is_at_work || agent.is_in_turn_of_ours(now) {
        return Err(untried(TrialOutcome::Busy));
    }
    let Some(at) = agent.policy.trial_at(now) else {
        let hindrance = Some(Hindrance::Budget);
        return Err(WakeTrial { hindrance, ..untried(TrialOutcome::NoWay) });
    };
    if at > now {
        return Err(WakeTrial { after: Some(at - now), ..untried(TrialOutcome::TooSoon) });
    }
    let (sender, signs) = watch::channel(TrialSigns::default());
    // Whoever takes the notice may be faster than this task; of the ways, only a plugin tells what came of it.
    agent.trial = Some(RunningTrial { signs: sender, is_plugins: true });
    Ok((trial_notice(agent.policy.begin_trial(now)), signs))
}

fn untried(outcome: TrialOutcome) -> WakeTrial {
    WakeTrial { way: None, outcome, after: None, hindrance: None, next: None }
}
