// What is said about a hub between the machine that decides (SyncRounds) and the shell that runs git (GitWorkspace).

/// How a hub keeps stale leaders out.
public enum HubFencing: String, Hashable, Sendable, CaseIterable {
    /// A ref of its own that every push advances together with the branch (protocol.md, section 6).
    case fenceRef = "fence-ref"
    /// The hub takes no atomic pushes or no refs of ours: the branch alone is compared and swapped, and a new leader
    /// puts an empty commit with its token on it.
    case branchAlone = "branch-alone"
}

/// What a hub's fence says: who pushed last, under which token, and what.
public struct HubFence: Hashable, Sendable {
    /// The commit that says so.
    public var revision: Revision
    public var token: FencingToken
    /// Grows with each push of one token's holder.
    public var sequence: UInt64
    public var device: DeviceID
    /// What the branch was made; nil before the first push.
    public var mirrored: Revision?

    public init(revision: Revision, token: FencingToken, sequence: UInt64, device: DeviceID, mirrored: Revision?) {
        self.revision = revision
        self.token = token
        self.sequence = sequence
        self.device = device
        self.mirrored = mirrored
    }
}

/// The fence as it was found.
public enum HubFenceView: Hashable, Sendable {
    case absent
    case found(HubFence)
    /// Another mesh's, or nothing that can be read. Its revision.
    case foreign(Revision)
}

/// One look at a hub: what stands there, and how that is related to what the mesh published.
public struct HubReport: Hashable, Sendable {
    /// Of the branch; nil if there is no such branch.
    public var head: Revision?
    public var fence: HubFenceView
    /// What the mesh had published when this was asked; the rest of the report is about it.
    public var published: Revision?
    /// `head` holds what was last mirrored (or nothing ever was). If not, somebody has rewritten the branch.
    public var holdsMirrored = true
    /// `head` is in the history of `published`: nothing there is new to the mesh.
    public var isPublished = false
    /// `published` is in the history of `head`.
    public var holdsPublished = false
    /// What `head` builds on; nil if the histories have nothing in common.
    public var base: Revision?
    /// The files of `head` differ from those of `base`.
    public var bringsChanges = false
    /// Rounds that the hub does not have.
    public var roundsBehind: UInt32 = 0

    public init(head: Revision?, fence: HubFenceView, published: Revision?) {
        self.head = head
        self.fence = fence
        self.published = published
    }
}

/// What a look is about.
public struct HubLook: Hashable, Sendable {
    public var address: HubAddress
    public var fencing: HubFencing
    public var published: Revision?

    public init(address: HubAddress, fencing: HubFencing, published: Revision?) {
        self.address = address
        self.fencing = fencing
        self.published = published
    }
}

/// One fenced push. It always advances the fence; it moves the branch if `branch` is set.
public struct HubPush: Hashable, Sendable {
    public var address: HubAddress
    public var fencing: HubFencing
    public var token: FencingToken
    public var sequence: UInt64
    public var device: DeviceID
    /// What the branch becomes; nil: it stays (a takeover).
    public var branch: Revision?
    /// What the fence says was mirrored.
    public var mirrored: Revision?
    /// What the branch is there now; nil: there is none.
    public var oldHead: Revision?
    /// What the fence is there now; nil: there is none.
    public var oldFence: Revision?
    /// A person decided that what stands there is replaced; otherwise the branch only goes forward.
    public var replaces = false

    public init(
        address: HubAddress, fencing: HubFencing, token: FencingToken, sequence: UInt64, device: DeviceID,
        branch: Revision?, mirrored: Revision?, oldHead: Revision?, oldFence: Revision?, replaces: Bool = false
    ) {
        self.address = address
        self.fencing = fencing
        self.token = token
        self.sequence = sequence
        self.device = device
        self.branch = branch
        self.mirrored = mirrored
        self.oldHead = oldHead
        self.oldFence = oldFence
        self.replaces = replaces
    }
}

/// What came of a push that the hub answered.
public enum HubPushOutcome: Hashable, Sendable {
    /// The hub has it: the branch's head there, and the fence.
    case landed(head: Revision?, HubFence)
    /// Something else stands there than was expected; nothing was changed.
    case moved
    /// The hub does not want it (a hook, a protected branch); nothing was changed. In its words.
    case refused(String)
}
