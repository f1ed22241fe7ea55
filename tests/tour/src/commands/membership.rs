//! The member as the tools print it.

use noren_core::Noren;
use noren_core::member::MemberState;
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::wire::{Assurance, LinkedIdentity};
use serde::Serialize;

use crate::output::Failure;

#[derive(Debug, Serialize)]
pub(crate) struct Member {
    member: MemberId,
    device: DeviceId,
    points: i64,
    assurance: Assurance,
    linked: Vec<LinkedIdentity>,
}

impl Member {
    pub(crate) fn of(noren: &Noren) -> Result<Self, Failure> {
        match noren.member().state() {
            MemberState::Enrolled { member_id, device_id, points, assurance, linked, .. } => {
                Ok(Self { member: member_id, device: device_id, points, assurance, linked })
            }
            MemberState::NotEnrolled => Err(Failure::unusable("nobody is enrolled here: make a card with `noren enrol`")),
            MemberState::Enrolling => Err(Failure::failed("the enrolment waits for the network: run `noren enrol` again")),
            MemberState::NeedsEnrolment { .. } => {
                Err(Failure::failed("the card of this phone could not be kept: enrol again with `noren enrol`"))
            }
            MemberState::Forgetting => Err(Failure::failed("the backend has still to forget the last member: run `noren forget` again")),
        }
    }
}
