import Primitives

/// The hub as the replicated state knows it: the same on every device, so that whoever leads can push.
package struct HubRecord: Hashable, Sendable {
    package var address: HubAddress
    package var fencing: HubFencing
    /// The newest word of a person about what stands there.
    package var acceptance: HubAcceptance?

    package init(address: HubAddress, fencing: HubFencing, acceptance: HubAcceptance? = nil) {
        self.address = address
        self.fencing = fencing
        self.acceptance = acceptance
    }
}

/// A person has seen what stands on the hub and goes on from there. It holds for exactly that head.
package struct HubAcceptance: Hashable, Sendable {
    package var head: Revision?
    /// The branch is made what the mesh published; otherwise what stands there is merged.
    package var replaces: Bool

    package init(head: Revision?, replaces: Bool) {
        self.head = head
        self.replaces = replaces
    }
}

/// How the hub stands, as the sync leader sees it; told to the others for their status.
package struct HubFacts: Hashable, Sendable {
    package var state: HubState
    /// Rounds that the hub does not have, as far as is known.
    package var roundsBehind: UInt32
    /// Of its branch.
    package var head: Revision?
    /// On its fence.
    package var token: FencingToken?
    /// In words: why it was not reached, or did not take a push.
    package var why: String?

    package init(
        state: HubState, roundsBehind: UInt32 = 0, head: Revision? = nil, token: FencingToken? = nil, why: String? = nil
    ) {
        self.state = state
        self.roundsBehind = roundsBehind
        self.head = head
        self.token = token
        self.why = why
    }
}

package enum HubState: String, Hashable, Sendable, CaseIterable {
    /// Not looked at yet.
    case unknown
    /// It has what was published.
    case current
    /// A push is due or under way.
    case behind
    /// Somebody pushed to it: the next round merges that.
    case news
    /// It was not reached, or did not take a push; tried again.
    case away
    /// Its fence carries a newer token than this leader's, or the same of another device: nothing is pushed.
    case staleToken = "stale-token"
    /// Its branch no longer holds what was last mirrored: a person decides.
    case rewritten
    /// Its fence was deleted: a person decides.
    case fenceGone = "fence-gone"
    /// Its fence is another mesh's: a person decides.
    case otherMesh = "other-mesh"

    /// Nothing is pushed before somebody did something about it.
    package var isStopped: Bool {
        switch self {
        case .staleToken, .rewritten, .fenceGone, .otherMesh: true
        case .unknown, .current, .behind, .news, .away: false
        }
    }

    /// `baton hub accept` settles it.
    package var waitsForPerson: Bool { isStopped && self != .staleToken }
}

package enum HubEvent: Hashable, Sendable {
    /// The hub has this revision now, under this token.
    case mirrored(Revision, FencingToken)
    /// The fence carries this leader's token now.
    case tookOver(FencingToken)
    /// The state changed to this.
    case changed(HubFacts)
}

/// What the shell that runs git is to do about the hub; answered by `HubAnswer` with the same number.
package enum HubOrder: Hashable, Sendable {
    case look(UInt64, HubLook)
    case push(UInt64, HubPush)
}

package enum HubAnswer: Hashable, Sendable {
    case looked(UInt64, Completion<HubReport>)
    case pushed(UInt64, Completion<HubPushOutcome>)
}
