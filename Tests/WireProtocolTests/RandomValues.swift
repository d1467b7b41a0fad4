import Consensus
import Locks
import Primitives
import SyncRounds

@testable import DeviceCore

/// Values within the bounds of the protocol, extremes included, from one seed.
struct RandomValues {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func below(_ bound: UInt64) -> UInt64 { generator.below(bound) }
    mutating func flip() -> Bool { below(2) == 0 }

    mutating func maybe<T>(_ make: (inout RandomValues) -> T) -> T? { flip() ? make(&self) : nil }

    mutating func list<T>(_ most: UInt64, _ make: (inout RandomValues) -> T) -> [T] {
        var result: [T] = []
        for _ in 0..<below(most + 1) { result.append(make(&self)) }
        return result
    }

    mutating func number() -> UInt64 {
        switch below(8) {
        case 0: 0
        case 1: (1 << 62) - 1
        case 2: below(1 << 62)
        default: below(100_000)
        }
    }

    mutating func count() -> UInt32 {
        switch below(8) {
        case 0: 0
        case 1: (1 << 28) - 1
        default: UInt32(below(10_000))
        }
    }

    mutating func duration() -> Duration {
        switch below(6) {
        case 0: .zero
        case 1: .seconds(86_400)
        default: .nanoseconds(Int64(below(3_600_000_000_000)))
        }
    }

    mutating func device() -> DeviceID {
        flip()
            ? DeviceID(number: below(1000))
            : DeviceID(Digest(generator.next(), generator.next(), generator.next(), generator.next()))
    }

    mutating func devices() -> [DeviceID] { list(9) { $0.device() } }

    mutating func revision() -> Revision {
        let length = flip() ? 20 : 32
        var bytes: [UInt8] = []
        for _ in 0..<length { bytes.append(UInt8(below(256))) }
        return Revision(hex: Hex.encode(bytes)) ?? Revision(number: 1)
    }

    mutating func token() -> FencingToken { FencingToken(epoch: number(), counter: number()) }
    mutating func round() -> RoundID { RoundID(token: token(), sequence: number()) }
    mutating func request() -> RequestID { RequestID(device: device(), incarnation: number(), number: number()) }

    mutating func lockName() -> LockName { flip() ? .sync : LockName("lock/\(below(1000))") ?? .sync }

    mutating func text() -> String {
        let samples = ["", "a rebase is under way", "Grüße: naïve 文字 😀", String(repeating: "x", count: 2048)]
        return samples[Int(below(UInt64(samples.count)))]
    }

    mutating func name() -> String { ["laptop", "Büro-Rechner", "nas"][Int(below(3))] + "\(below(1000))" }

    mutating func record() -> DeviceRecord {
        DeviceRecord(device: device(), name: name(), addresses: list(4) { "10.0.0.\($0.below(255)):47700" })
    }
}

// MARK: - Commands and outcomes

extension RandomValues {
    mutating func lockCommand() -> LockCommand {
        switch below(6) {
        case 0: .acquire(lockName(), device: device(), ttl: duration(), waits: flip())
        case 1: .release(lockName(), token: token())
        case 2: .transfer(lockName(), token: token(), to: device())
        case 3: .expire(lockName(), token: token(), term: Term(number()))
        case 4: .cancel(lockName(), device: device())
        default: .forget(device())
        }
    }

    mutating func operation() -> MeshOperation {
        switch below(8) {
        case 0: .lock(lockCommand())
        case 1: .publish(publication())
        case 2: .putDevice(record())
        case 3: .removeDevice(device())
        case 4: .unset(key: "sync.settle")
        case 5: .hub(hubChange())
        case 6: .review(review())
        default: .set(Setting(key: "sync.settle", value: "\(below(100))s"))
        }
    }

    mutating func hubChange() -> HubChange {
        switch below(4) {
        case 0: return .remove
        case 1: return .accept(HubAcceptance(head: maybe { $0.revision() }, replaces: flip()))
        default:
            let urls = ["https://alice@git.example/notes.git", "git@nas:notes.git", "/srv/git/notes.git"]
            guard let address = try? HubAddress(url: urls[Int(below(3))], branch: flip() ? "main" : "team/notes")
            else { return .remove }
            return .put(
                HubRecord(
                    address: address, fencing: flip() ? .fenceRef : .branchAlone,
                    acceptance: maybe { HubAcceptance(head: $0.maybe { $0.revision() }, replaces: $0.flip()) }))
        }
    }

    mutating func publication() -> Publication {
        Publication(
            round: round(), old: maybe { $0.revision() }, new: revision(), changedFiles: count(), conflicts: count(),
            opened: list(5) { $0.shortID() }, holders: (0..<below(4)).map { _ in device() },
            undoes: maybe { $0.number() })
    }

    mutating func shortID() -> ShortID {
        while true { if let id = ShortID(bits: flip() ? generator.next() >> 16 : below(8)) { return id } }
    }

    mutating func review(of braked: DeviceID? = nil) -> ReviewCommand {
        switch below(6) {
        case 0: .resolve(shortID(), .device(device()))
        case 1: .resolve(shortID(), .both)
        case 2: .resolve(shortID(), .content)
        case 3: .lift(braked ?? device(), ofRound: flip())
        case 4: .allowDeletions(shortID())
        default:
            .brake(
                DeletionBrake(
                    device: braked ?? device(), ofRound: flip(), id: shortID(), deleted: count(), files: count(),
                    allowedBy: braked == nil ? maybe { $0.device() } : nil))
        }
    }

    mutating func command() -> MeshCommand { MeshCommand(request: request(), operation: operation()) }

    mutating func grant() -> Grant { Grant(holder: device(), token: token(), ttl: duration()) }

    mutating func lockRefusal() -> LockRefusal {
        switch below(7) {
        case 0: .held(by: grant())
        case 1: .staleToken(current: maybe { $0.token() }, given: token())
        case 2: .notHeld
        case 3: .staleTerm
        case 4: .tooMany(.locks)
        case 5: .tooMany(.waiters)
        default: .badTTL
        }
    }

    mutating func publicationRefusal() -> PublicationRefusal {
        switch below(4) {
        case 0: .staleToken(presented: token(), current: maybe { $0.token() })
        case 1: .staleSequence(presented: number(), last: number())
        case 2: .notHeld(holders: count(), voters: count())
        default: .headMoved(expected: maybe { $0.revision() }, head: maybe { $0.revision() })
        }
    }

    mutating func meshRefusal() -> MeshRefusal {
        switch below(5) {
        case 0: .removedDevice
        case 1: .limitReached
        case 2: .noHub
        case 3: .notOpen
        default: .nameTaken
        }
    }

    mutating func outcome() -> MeshOutcome {
        switch below(8) {
        case 0: .lock(.granted(grant()))
        case 1: .lock(.queued(position: Int(below(64)) + 1))
        case 2: .lock(.refused(lockRefusal()))
        case 3: .lock(.done)
        case 4: .published(number: number())
        case 5: .publicationRefused(publicationRefusal())
        case 6: .done
        default: .refused(meshRefusal())
        }
    }

    /// A state that a short random history leads to.
    mutating func state() -> MeshState {
        let members = (1...9).map { DeviceID(number: $0) }
        var state = MeshState.founding(
            DeviceRecord(device: members[0], name: "one", addresses: ["one:1"]))
        for _ in 0..<below(3) {
            state = state.refounded(draw: 1 + below(99), by: members[0], head: flip() ? revision() : nil)
        }
        for step in 1...(2 + below(40)) {
            let device = members[Int(below(9))]
            let operation: MeshOperation
            switch below(8) {
            case 6: operation = .hub(hubChange())
            case 0, 1:
                operation = .lock(.acquire(lockName(), device: device, ttl: .seconds(3), waits: flip()))
            case 2:
                let name = lockName()
                operation = .lock(.release(name, token: state.locks.grant(of: name)?.token ?? token()))
            case 3:
                let round = RoundID(token: state.locks.grant(of: .sync)?.token ?? token(), sequence: step)
                operation = .publish(
                    Publication(
                        round: round, old: state.head.revision, new: revision(), conflicts: UInt32(below(9)),
                        opened: list(6) { $0.shortID() }, holders: [device]))
            case 4:
                let record = DeviceRecord(device: device, name: "d\(device.short)", addresses: ["a:\(step)"])
                operation = flip() && step > 8 ? .removeDevice(device) : .putDevice(record)
            case 5: operation = .review(review(of: device))
            default: operation = .set(Setting(key: "sync.k\(below(5))", value: "\(step)"))
            }
            let request = RequestID(device: device, incarnation: 1, number: step)
            _ = state.apply(MeshCommand(request: request, operation: operation), term: Term(1), voters: [device])
        }
        return state
    }
}

// MARK: - Rounds and answers

extension RandomValues {
    mutating func writers() -> WriterReport {
        WriterReport(
            paused: list(3) { $0.name() }, unanswered: list(3) { $0.name() }, outside: list(3) { $0.name() })
    }

    mutating func decline() -> RoundDecline {
        switch below(4) {
        case 0: .staleToken(presented: token(), highest: token(), holder: maybe { $0.device() })
        case 1: .busy(round())
        case 2: .failed(text())
        default: .stopped
        }
    }

    mutating func roundMessage() -> RoundMessage {
        switch below(9) {
        case 0: .prepare(round(), pauseBudget: duration())
        case 1:
            .captured(
                round(),
                CaptureReport(
                    base: maybe { $0.revision() }, revision: maybe { $0.revision() }, changedFiles: count(),
                    heldPaths: count(), writers: writers()))
        case 2: .declined(round(), decline())
        case 3: .stage(round(), revision())
        case 4: .staged(round(), revision())
        case 5: .working(round())
        case 6: .finish(round())
        case 7: .abort(round())
        default:
            .applied(
                round(),
                ApplyReport(
                    base: maybe { $0.revision() }, appliedFiles: count(), lateFiles: count(),
                    waiting: maybe { $0.text() }))
        }
    }

    mutating func result() -> RoundResult {
        switch below(4) {
        case 0:
            .published(
                MergeReport(
                    revision: revision(), changedFiles: count(), conflicts: count(),
                    opened: list(5) { $0.shortID() },
                    undo: maybe {
                        UndoReport(number: $0.number(), restoredFiles: $0.count(), leftFiles: $0.count())
                    }))
        case 1: .nothingToDo
        case 2: .caughtUp
        default: .aborted(text())
        }
    }

    mutating func syncAnswer() -> SyncAnswer {
        switch below(3) {
        case 0:
            .done(
                RoundOutcome(
                    round: round(), number: number(), result: result(), changedFiles: count(), participants: devices(),
                    leftOut: devices(), took: duration()))
        case 1: .notLeader
        default: .refused(text())
        }
    }

    mutating func handoffRefusal() -> HandoffRefusal {
        switch below(7) {
        case 0: .notAMember(device())
        case 1: .unreachable(device())
        case 2: .behind(device(), waiting: maybe { $0.text() })
        case 3: .alreadyLeader(device())
        case 4: .nobodyElse
        case 5: .leaseLost
        default: .roundDidNotEnd
        }
    }

    mutating func handoffAnswer() -> HandoffAnswer {
        switch below(3) {
        case 0: .done(to: device(), token: token())
        case 1: .notLeader
        default: .refused(handoffRefusal())
        }
    }

    mutating func facts() -> DeviceFacts {
        DeviceFacts(
            base: maybe { $0.revision() }, pendingFiles: count(), firstChangeAge: duration(), lastChangeAge: duration(),
            activeWriters: count(), pausedWriters: count(), waiting: maybe { $0.text() }, version: "1.2.3",
            hub: maybe { $0.hubFacts() }, isStopped: flip(),
            power: PowerFacts(
                battery: maybe { UInt8($0.below(101)) }, isCharging: flip(), isMetered: flip()),
            trigger: maybe { $0.flip() ? .startup : .exit })
    }

    mutating func stop() -> MeshStop {
        MeshStop(
            version: number(), by: maybe { $0.device() },
            order: maybe { random in
                StopOrder(
                    kind: random.flip() ? .pause : .emergency, by: random.device(), at: random.number(),
                    why: random.text(), left: random.maybe { $0.duration() })
            })
    }

    mutating func hubFacts() -> HubFacts {
        HubFacts(
            state: HubState.allCases[Int(below(UInt64(HubState.allCases.count)))], roundsBehind: count(),
            head: maybe { $0.revision() }, token: maybe { $0.token() }, why: maybe { $0.text() })
    }
}

// MARK: - Peer messages

extension RandomValues {
    static let kinds: UInt64 = 13

    mutating func message(kind: UInt64) -> PeerMessage {
        switch kind {
        case 0: .raft(raftMessage())
        case 1: .propose(command())
        case 2: .notLeader(request(), leader: maybe { $0.device() })
        case 3: .renew(number: number(), list(5) { LeaseRenewal(name: $0.lockName(), token: $0.token()) })
        case 4:
            .renewed(
                number: number(),
                list(5) { random in
                    LeaseAnswer(
                        name: random.lockName(),
                        current: random.maybe { LeaseHolder(device: $0.device(), token: $0.token()) })
                })
        case 5: .round(roundMessage())
        case 6: .facts(facts())
        case 7:
            .syncRequest(
                number: number(), undo: maybe { UndoTarget(number: $0.number(), revision: $0.revision()) })
        case 8: .syncAnswer(number: number(), syncAnswer())
        case 9: .handoffRequest(number: number(), target: maybe { $0.device() })
        case 10: .handoffAnswer(number: number(), handoffAnswer())
        case 11: .stop(stop())
        default: .leaving(flip())
        }
    }

    mutating func message() -> PeerMessage { message(kind: below(Self.kinds)) }
}
