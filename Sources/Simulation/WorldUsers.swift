import DeviceCore
import Primitives

// What people do in a workspace, and how writers misbehave.

extension World {
    /// A rebase, or a lock of git's index that somebody left behind, lasts so long.
    private static let userWork = Nanoseconds.seconds(6)
    private static let burstEdits = 12

    mutating func userDoes(_ node: Int, _ action: UserAction) {
        guard !machineIsOff(node), !isHealing else { return }
        noteEdit(node)
        let path = nodes[node].draws.user.below(Workload.sharedPaths)
        let tree = nodes[node].workspace.tree
        switch action {
        case .edit, .sameSizeEdit: change(node, path, store.newVersion(path: path, node: node))
        case .create:
            let free = (0..<Workload.sharedPaths).first { tree[$0] == 0 } ?? path
            change(node, free, store.newVersion(path: free, node: node))
        case .delete: change(node, path, 0)
        case .rename: rename(node, path, to: nodes[node].draws.user.below(Workload.sharedPaths))
        case .caseRename: rename(node, path, to: path ^ 1)
        case .burst:
            for _ in 0..<Self.burstEdits {
                let path = nodes[node].draws.user.below(Workload.sharedPaths)
                change(node, path, store.newVersion(path: path, node: node))
            }
        case .rebase, .indexLock:
            hit(.userBusy)
            row(node, action == .rebase ? "the user begins a rebase" : "a lock of the index is left behind")
            nodes[node].userBusyUntil = now + Self.userWork
            queue.push(.userReady(node), at: now + Self.userWork)
        }
    }

    /// The file under another name: what was there before is gone, as the person wanted.
    private mutating func rename(_ node: Int, _ path: Int, to other: Int) {
        let version = nodes[node].workspace.tree[path]
        guard path != other, version != 0 else { return }
        change(node, other, version)
        change(node, path, 0)
    }

    /// Nothing hinders an apply any more.
    mutating func userReady(_ node: Int) {
        guard now >= nodes[node].userBusyUntil, nodes[node].hasProcess else { return }
        nodes[node].device?.waitingChanged(nil)
        scanSoon(node)
        feed(node, .tick)
    }

    func userIsBusy(_ node: Int) -> Bool { now < nodes[node].userBusyUntil && !isHealing }

    mutating func misbehave(_ node: Int, _ fault: WriterFault, _ length: Nanoseconds) {
        row(node, "writers: \(fault.rawValue) for \(TrueTime(length)) s")
        nodes[node].misbehaviour = Misbehaviour(fault: fault, until: now + length)
    }

    /// How the writers of `node` misbehave at this moment.
    func misbehaviour(_ node: Int) -> WriterFault? {
        guard let fault = nodes[node].misbehaviour, now < fault.until, !isHealing else { return nil }
        return fault.fault
    }

    mutating func noteEdit(_ node: Int) {
        if nodes[node].workspace.applying != nil { hit(.editDuringApply) }
        if !nodes[node].gate.isOpen { hit(.editDuringPause) }
    }
}

struct Misbehaviour: Hashable, Sendable {
    var fault: WriterFault
    var until: TrueTime
}
