import DeviceCore
import Primitives

// Histories of locks as their clients and the devices saw them, for the check that shares nothing with the core.

/// One history for each user lock, and one of the sync lock for each device that its tokens guard.
struct LockHistories: Sendable {
    /// By the lock's number.
    var users: [LockHistory] = []
    /// Grants of the sync lock; what each device did is added to a copy of them.
    var grants = LockHistory()
    var effects: [[LockHistory.Call]] = []
    /// When each token of the sync lock was committed, ascending.
    var committed: [(token: FencingToken, at: TrueTime)] = []

    init(devices: Int) { effects = [[LockHistory.Call]](repeating: [], count: devices) }

    mutating func user(_ number: Int, _ call: LockHistory.Call) {
        guard (0..<SimulationLimits.userLocks).contains(number) else { return }
        while users.count <= number { users.append(LockHistory()) }
        users[number].add(call)
    }
}

extension World {
    /// A client was told that it holds the lock.
    mutating func noteAcquired(_ at: Int, _ token: FencingToken) {
        guard checks, case .plan(.lock(let number, _, _, _)) = clients[at].purpose else { return }
        clients[at].token = token
        clients[at].era = eras.current
        histories.user(
            number,
            .init(client: at, .acquire(token), called: clients[at].asked.nanoseconds, answered: now.nanoseconds))
    }

    /// Its release was answered, or never will be.
    mutating func noteReleased(_ at: Int, _ answer: LockHistory.Answer) {
        guard checks, case .plan(.lock(let number, _, _, _)) = clients[at].purpose, let called = clients[at].released,
            let token = clients[at].token
        else { return }
        clients[at].released = nil
        let era = eras.current
        turn(to: clients[at].era)
        defer { turn(to: era) }
        histories.user(
            number,
            .init(client: at, .release(token), answer, called: called.nanoseconds, answered: now.nanoseconds))
    }

    mutating func noteGranted(_ token: FencingToken) {
        guard checks else { return }
        histories.committed.append((token, now))
    }

    /// A device begins to act under a token of the sync lock.
    mutating func noteLeading(_ node: Int, _ token: FencingToken) {
        guard checks, let granted = histories.committed.last(where: { $0.token == token }) else { return }
        histories.grants.add(
            .init(client: node, .acquire(token), called: granted.at.nanoseconds, answered: now.nanoseconds))
    }

    /// An effect under a token at the device; only the first under each.
    mutating func noteEffect(_ node: Int, _ token: FencingToken) {
        guard checks else { return }
        if let last = histories.effects[node].last, case .use(token) = last.action { return }
        histories.effects[node].append(
            .init(client: node, .use(token), called: now.nanoseconds, answered: now.nanoseconds))
    }

    /// A new device, or an old disk: another resource.
    mutating func forgetEffects(_ node: Int) { histories.effects[node] = [] }

    mutating func checkHistories() {
        guard checks else { return }
        for at in clients.indices where clients[at].released != nil { noteReleased(at, .missing) }
        for era in eras.epochs.indices {
            turn(to: era)
            checkHistoriesOfEra()
        }
        turnToCore()
    }

    private mutating func checkHistoriesOfEra() {
        for (number, history) in histories.users.enumerated() {
            report(history, .lockHistory, "the clients of user/\(number)")
        }
        for node in nodes.indices {
            var history = histories.grants
            for call in histories.effects[node] { history.add(call) }
            report(history, .fenceHistory, "device \(node + 1) and the holders of the sync lock")
        }
    }

    private mutating func report(_ history: LockHistory, _ check: CheckID, _ who: String) {
        switch history.check(as: .fencedMutex) {
        case .explained: break
        case .undecided: hit(.historyUndecided)
        case .impossible(let calls):
            let words = calls.prefix(4).map { "\($0.action) \($0.answer) at \(TrueTime($0.called)) s" }
            clash(
                check, "\(who) saw \(history.calls.count) calls with their answers",
                "and no order of them is that of a fenced mutex; none can go on with \(words.joined(separator: ", "))")
        }
    }
}
