import Primitives
import SyncRounds

/// The git hub: its two refs as a server keeps them, how it misbehaves, and what the checks remember of it.
///
/// A push has three moments: git reads the refs and checks the leases itself, the server gets the update and compares
/// what it was sent with what stands there, and the answer comes back. Anything can come between two of them.
struct HubModel: Sendable {
    struct Refs: Hashable, Sendable {
        /// Of the branch.
        var head: Int?
        var fence: HubFence?
    }

    /// Which order of which process a push carries out.
    struct PushKey: Hashable, Sendable {
        var node: Int
        var incarnation: UInt64
        var number: UInt64
    }

    /// The names of fence commits lie behind those of all revisions.
    private static let firstFence: UInt64 = 1 << 48

    let conditions: HubConditions
    var draw: KeyedStream
    var refs = Refs()
    var refusesUntil = TrueTime.start
    var hangsUntil = TrueTime.start
    var repliesToLose = 0
    private var fencesMade: UInt64 = 0
    /// Empty commits on the branch that carry a token.
    var takeovers = ByRevision<HubFence>()
    /// The round that each merge was made in, as its message says.
    var roundTokens = ByRevision<FencingToken>()
    /// What each device saw mirrored: remembered where there is no fence to say so.
    var mirrored: [Int?]

    // What is true, whoever knows it.

    /// Of all pushes that landed.
    var highestToken = FencingToken.none
    var landed: [PushKey] = []
    /// What people pushed and the branch still held when it was last looked at.
    var foreign: [Int] = []
    /// A person took away what was mirrored, and nobody has accepted that.
    var isRewritten = false
    /// Heads that a person had replaced by what is published.
    var givenUp: [Int] = []
    var accepted: [Int] = []

    init(_ conditions: HubConditions, seed: UInt64, machines: Int) {
        self.conditions = conditions
        draw = KeyedStream(seed: seed, .hub)
        mirrored = Array(repeating: nil, count: machines)
    }

    var fencing: HubFencing { conditions.isAtomic ? .fenceRef : .branchAlone }

    mutating func newFence(_ push: HubPush) -> HubFence {
        fencesMade += 1
        return HubFence(
            revision: Revision(number: Self.firstFence + fencesMade), token: push.token, sequence: push.sequence,
            device: push.device, mirrored: push.mirrored)
    }
}

/// Something of a few revisions, in the order of their numbers.
struct ByRevision<Value: Sendable>: Sendable {
    private var pairs: [(revision: Int, value: Value)] = []

    subscript(revision: Int) -> Value? {
        get { pairs.first { $0.revision == revision }?.value }
        set {
            pairs.removeAll { $0.revision == revision }
            guard let newValue else { return }
            pairs.insert((revision, newValue), at: pairs.firstIndex { $0.revision > revision } ?? pairs.endIndex)
        }
    }
}

/// One push on its way.
struct HubUpdate: Hashable, Sendable {
    var node: Int
    var incarnation: UInt64
    var number: UInt64
    var push: HubPush
    /// What the fence becomes.
    var fence: HubFence
    /// What the branch becomes; nil: it stays.
    var head: Int?

    var key: HubModel.PushKey { .init(node: node, incarnation: incarnation, number: number) }
}

/// What is to come of the hub.
enum HubStep: Sendable {
    /// A person tells the mesh of its hub.
    case put
    /// A person looks whether the hub needs one.
    case person
    /// Git of a device reads the refs.
    case look(Int, incarnation: UInt64, UInt64, HubLook)
    case push(Int, incarnation: UInt64, UInt64, HubPush)
    /// The server has all of a push.
    case update(HubUpdate)
    /// Git heard nothing of it, and asks what stands there.
    case readBack(HubUpdate)
    case answer(Int, incarnation: UInt64, HubAnswer)

    /// The machine on which it happens.
    var machine: Int? {
        switch self {
        case .look(let node, _, _, _), .push(let node, _, _, _), .answer(let node, _, _): node
        case .readBack(let update): update.node
        case .put, .person, .update: nil
        }
    }

    var words: String {
        switch self {
        case .put: "somebody tells the mesh of its hub"
        case .person: "somebody looks whether the hub needs a person"
        case .look: "git reads the hub's refs"
        case .push(_, _, _, let push): "git reads the hub's refs, to push under \(push.token)"
        case .update(let update): "a push under \(update.push.token) arrives at the hub"
        case .readBack: "git asks the hub what came of its push"
        case .answer: "git is done with the hub"
        }
    }
}
