import DeviceCore
import Primitives

// Recorded events in words.

extension Recording {
    /// What the step was, with the devices' names.
    package func words(_ number: UInt64, _ name: (Int) -> String) -> String {
        guard let step = step(number) else { return "the start" }
        return step.what.words(name)
    }

    /// The chain of causes that ends with `number`, newest first: no longer than `limit`.
    package func causes(of number: UInt64, limit: Int) -> [UInt64] {
        var chain: [UInt64] = []
        var next = number
        while next > 0, chain.count < limit, let step = step(next) {
            chain.append(next)
            guard step.cause < next else { break }
            next = step.cause
        }
        return chain
    }
}

extension WorldEvent {
    fileprivate func words(_ name: (Int) -> String) -> String {
        switch self {
        case .scenario(let number): "outside event \(number + 1)"
        case .rule(let number, let node): "rule \(number + 1), set off by \(name(node))"
        case .ruleTime(let number): "rule \(number + 1) is due again"
        case .cutEnds: "a cut ends"
        case .linksSilent: "links that carried nothing are given up"
        case .regularScan(let node): "\(name(node)) looks at its files, as it does now and then"
        case .takeImages: "images of the disks are taken"
        case .cloneEnds: "the second machine of an identity goes away"
        case .replace(let node, _): "somebody replaces \(name(node))"
        case .removeOld(_, let node, let member): "\(name(member)) removes the device that \(name(node)) was"
        case .supplyEnds(let node): "\(name(node)) has enough again"
        case .userReady(let node): "the person at \(name(node)) is done"
        case .storm(let node, _, _): "\(name(node)) dies again"
        case .setting(let number): "setting \(number + 1) is asked for"
        case .join(let node): "\(name(node)) asks to join"
        case .wake(let node): "\(name(node)) wakes"
        case .restart(let node): "\(name(node)) starts"
        case .resume(let node, _): "the process of \(name(node)) goes on"
        case .timer(let node, _): "a timer of \(name(node)) is due"
        case .delivery(let delivery):
            "\(name(delivery.to)) gets from \(name(delivery.from)): \(delivery.message.summary)"
        case .linkChange(_, _, let up): up ? "a link comes up" : "a link goes down"
        case .linkNotice(let node, let peer, _): "\(name(node)) notices that its link to \(name(peer)) broke"
        case .diskDone(let node, _): "a write of \(name(node)) is durable"
        case .work(let node, _, let done): "\(name(node)) has done: \(done.words)"
        case .applyNext(let node, _): "\(name(node)) applies the next file"
        case .gateGrace(let node, _): "writers of \(name(node)) had time to leave"
        case .gateDeadline(let node, _): "the deadline of the gate of \(name(node))"
        case .writer(let node, let writer): "writer \(writer + 1) of \(name(node)) is due"
        case .ungated(let node): "a writer of \(name(node)) that ignores the gate is due"
        case .user(let node): "the person at \(name(node)) is due"
        case .scan(let node): "\(name(node)) looks at its files"
        case .hub(let step): step.words
        case .clientRelease: "a client gives its lock back"
        case .mend: "the faults end"
        case .settleCheck: "a look whether all have converged"
        }
    }
}

extension WorkDone {
    fileprivate var words: String {
        switch self {
        case .capture(let round): "capture in \(round)"
        case .fetch(let round, let revision, let from): "fetch of \(revision.tail) from \(from + 1) in \(round)"
        case .stage(let round, let revision, let from): "stage of \(revision.tail) from \(from + 1) in \(round)"
        case .resume(let round): "resume after \(round)"
        case .merge(let round, _, let captures): "merge of \(captures.count) captures in \(round)"
        case .failed: "a step that failed"
        }
    }
}

extension PeerMessage {
    /// What it is about, for a picture: signs of life, consensus, leases, rounds, the rest.
    package enum Subject: Int, Hashable, Sendable { case life, consensus, lease, round, other }

    package var subject: Subject {
        switch self {
        case .raft(.appendReply): .life
        case .raft(.append(let request)): request.entries.isEmpty ? .life : .consensus
        case .raft: .consensus
        case .renew, .renewed: .lease
        case .round: .round
        case .propose, .notLeader, .facts, .syncRequest, .syncAnswer, .handoffRequest, .handoffAnswer, .leaving,
            .stop:
            .other
        }
    }

    /// In words.
    package var words: String { summary }
}

extension ScenarioEvent {
    /// Whom it hits.
    var targets: [Target] {
        switch self {
        case .cut(let cut, _): cut.targets
        case .clog(let route, _), .lossBurst(let route, _, _), .halfOpen(let route, _):
            route.to == .every ? [route.from] : [route.from, route.to]
        case .connectHang(let who, _), .addressChange(let who, _), .crash(let who, _, _),
            .crashAt(let who, _, _, _, _), .restart(let who), .restartStorm(let who, _, _), .suspend(let who, _),
            .freeze(let who, _), .slow(let who, _, _), .stop(let who), .rate(let who, _), .wallJump(let who, _),
            .diskStall(let who, _), .diskFault(let who, _, _), .rollback(let who, _), .wipe(let who, _),
            .syncLies(let who, _), .clone(let who, _), .removeDevice(let who, _), .client(let who, _),
            .user(let who, _), .writers(let who, _, _), .supply(let who, _, _), .recover(let who, _):
            [who]
        case .addDevice(let node): [.node(node)]
        case .mend, .hub: []
        }
    }

    /// How long it lasts; nil: until something ends it, or no time at all.
    package var length: Nanoseconds? {
        switch self {
        case .cut(_, let length): length
        case .clog(_, let length), .lossBurst(_, _, let length), .halfOpen(_, let length),
            .connectHang(_, let length), .addressChange(_, let length), .suspend(_, let length),
            .freeze(_, let length), .slow(_, _, let length), .diskStall(_, let length), .syncLies(_, let length),
            .clone(_, let length), .writers(_, _, let length), .supply(_, _, let length):
            length
        case .crash(_, _, let down): down
        case .hub(.refuses(let length)), .hub(.hangs(let length)): length
        case .mend, .crashAt, .restart, .restartStorm, .stop, .rate, .wallJump, .diskFault, .rollback, .wipe,
            .addDevice, .removeDevice, .recover, .client, .user, .hub:
            nil
        }
    }
}

extension Cut {
    fileprivate var targets: [Target] {
        switch self {
        case .isolate(let who), .deaf(let who), .mute(let who), .star(let who): [who]
        case .link(let a, let b): [.node(a), .node(b)]
        case .route(let route): [route.from, route.to].filter { $0 != .every }
        case .bridge(let middle): [.node(middle)]
        case .halves, .ring, .chain: []
        }
    }
}
