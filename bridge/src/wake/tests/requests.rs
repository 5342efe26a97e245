//! What an agent is told of requests that it has read and not answered.

use super::*;

use junction_engine::OpenRequestSign;

impl WakeTest {
    /// A request of bob's is read.
    pub(super) fn request(&self, number: u64) {
        let from = Alias::parse("bob").unwrap();
        let sign = OpenRequestSign { number, from, is_repeated: false };
        self.snapshot.send_modify(|snapshot| snapshot.team.open_requests.push(sign));
    }
}

#[tokio::test(start_paused = true)]
async fn end_of_a_turn_is_held_up_once_for_each_request() {
    let test = WakeTest::new(9);
    test.hook(HookEventKind::Prompted);
    test.request(1);
    let block = test.hook(HookEventKind::Stops).block.unwrap();
    assert!(block.starts_with("Agent Junction notice 1: 1 request from \"bob\""), "{block}");
    assert_eq!(test.hook(HookEventKind::StopsAgain).block, None);
    test.hook(HookEventKind::Prompted);
    assert_eq!(test.hook(HookEventKind::Stops).block, None);
    test.request(2);
    test.hook(HookEventKind::Prompted);
    assert!(test.hook(HookEventKind::Stops).block.is_some());
}

#[tokio::test(start_paused = true)]
async fn turn_that_a_request_holds_up_is_held_up_no_second_time_by_a_client_that_does_not_say_so() {
    let test = WakeTest::new(9);
    test.hook(HookEventKind::Prompted);
    test.request(1);
    assert!(test.hook(HookEventKind::Stops).block.is_some());
    test.mail();
    assert_eq!(test.hook(HookEventKind::Stops).block, None);
}

#[tokio::test(start_paused = true)]
async fn messages_and_requests_hold_up_a_turn_together() {
    let test = WakeTest::new(9);
    test.hook(HookEventKind::Prompted);
    test.request(1);
    test.mail();
    let block = test.hook(HookEventKind::Stops).block.unwrap();
    assert_eq!(block.lines().count(), 2, "{block}");
    assert!(block.contains("1 unread message") && block.contains("1 request"), "{block}");
}

#[tokio::test(start_paused = true)]
async fn context_after_compaction_is_told_how_many_requests_wait() {
    let test = WakeTest::new(9);
    test.hook(HookEventKind::Began);
    test.request(1);
    test.request(2);
    assert_eq!(test.hook(HookEventKind::Used).context, None, "this context shows them");
    let context = test.hook(HookEventKind::Compacted).context.unwrap();
    assert!(context.contains("2 requests from \"bob\" wait for this"), "{context}");
    assert_eq!(test.hook(HookEventKind::Used).context, None);
}

#[tokio::test(start_paused = true)]
async fn reminder_that_did_not_arrive_is_given_again() {
    let test = WakeTest::new(9);
    test.hook(HookEventKind::Prompted);
    test.request(1);
    let lost = test.hook(HookEventKind::Stops);
    test.wake.reply_lost(&lost);
    assert!(test.hook(HookEventKind::Stops).block.is_some());
}
