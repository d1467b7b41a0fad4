import Primitives

/// A ref of a hub that a push of ours may name. There is no other way to name one.
enum HubRef: Hashable, Sendable, CustomStringConvertible {
    case branch(String)
    /// Of a branch: meshes with branches of their own can share a hub.
    case fence(String)

    var description: String {
        switch self {
        case .branch(let name): "refs/heads/\(name)"
        case .fence(let branch): "\(RefName.prefix)fence/\(branch)"
        }
    }
}

/// A ref with what it becomes and what must stand there before. There is no refspec without a lease, none with an
/// empty side (which would delete the ref), and none that changes nothing (git would not send it, and its lease would
/// be checked by nobody but the client).
struct LeasedRef: Hashable, Sendable {
    let ref: HubRef
    /// Nil: it must not exist.
    let old: ObjectID?
    let new: ObjectID

    init?(_ ref: HubRef, old: ObjectID?, new: ObjectID) {
        guard old != new, new != .zero else { return nil }
        self.ref = ref
        self.old = old
        self.new = new
    }

    var lease: String { "--force-with-lease=\(ref):\(old?.hex ?? "")" }
    var refspec: String { "\(new.hex):\(ref)" }
}

/// Every push to a hub that there is (protocol.md, section 6): it moves the fence, alone or with the branch; on a hub
/// without a fence the branch alone.
enum FencedPush: Hashable, Sendable {
    case fence(LeasedRef)
    case fenceAndBranch(fence: LeasedRef, branch: LeasedRef)
    case branchAlone(LeasedRef)

    var refs: [LeasedRef] {
        switch self {
        case .fence(let ref), .branchAlone(let ref): [ref]
        case .fenceAndBranch(let fence, let branch): [fence, branch]
        }
    }

    private var isAtomic: Bool {
        switch self {
        case .fence, .fenceAndBranch: true
        case .branchAlone: false
        }
    }

    /// Behind `push --porcelain`.
    func arguments(_ url: String) -> [String] {
        ["--no-follow-tags", "--recurse-submodules=no", "--no-signed"]
            + (isAtomic ? ["--atomic"] : []) + refs.map(\.lease) + [url] + refs.map(\.refspec)
    }
}

/// What `git push --porcelain` says of its refs. Its sentences are for people; only flags and names are read.
struct PushAnswer: Sendable {
    private var lines: [(flag: UInt8, ref: String, words: String)] = []

    init(_ output: [UInt8]) {
        for line in output.split(separator: 10) {
            let parts = line.split(separator: 9, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].count == 1, let flag = parts[0].first else { continue }
            guard let colon = parts[1].lastIndex(of: 58) else { continue }
            let ref = String(decoding: parts[1][(colon + 1)...], as: UTF8.self)
            lines.append((flag, ref, String(decoding: parts[2], as: UTF8.self)))
        }
    }

    /// Every ref was moved. `=` (up to date) is no success: another may have had the same idea.
    func isSuccess(of push: FencedPush) -> Bool {
        push.refs.allSatisfy { leased in
            let mine = lines.filter { $0.ref == "\(leased.ref)" }
            return mine.count == 1 && mine.allSatisfy { [32, 43, 42].contains($0.flag) }
        }
    }

    /// The hub, or git for it, refused a ref.
    var isRefusal: Bool { lines.contains { $0.flag == 33 || $0.flag == 61 } }

    /// Why, in the hub's words.
    var reason: String { lines.first { $0.flag == 33 }?.words ?? "no reason was given" }
}
