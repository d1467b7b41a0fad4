import Primitives

/// What clients of one lock, and a resource that its tokens guard, saw: calls with their answers, in true time. Is
/// there an order of the calls, each at one moment between its call and its answer, in which a simple model gives these
/// answers? (Herlihy and Wing 1990; the search is Wing's and Gong's, 1993, with Lowe's memory of states, 2017.)
///
/// Nothing here knows how locks are made.
package struct LockHistory: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// Answered with the token.
        case acquire(FencingToken)
        case release(FencingToken)
        /// Something done under the token to the resource that checks it.
        case use(FencingToken)
    }

    package enum Answer: Hashable, Sendable {
        case done
        case refused
        /// None came: it was done, or will be, or never.
        case missing
    }

    package struct Call: Hashable, Sendable {
        package var client: Int
        package var action: Action
        package var answer: Answer
        /// True time, nanoseconds.
        package var called: Int64
        /// `.max` if no answer came.
        package var answered: Int64

        package init(client: Int, _ action: Action, _ answer: Answer = .done, called: Int64, answered: Int64) {
            self.client = client
            self.action = action
            self.answer = answer
            self.called = called
            self.answered = answer == .missing ? .max : answered
        }
    }

    package enum Model: Hashable, Sendable {
        /// Held by one until it gives it back. No lock with a lease can be this.
        case mutex
        /// A lease may end at any moment; then somebody else holds it, under a higher token, and the resource refuses
        /// the lower one (Hazelcast's FencedMutex).
        case fencedMutex
    }

    package enum Verdict: Hashable, Sendable {
        case explained
        /// No order gives these answers; the longest that does ends before one of these calls.
        case impossible(stuckAt: [Call])
        /// The search was given up at its limit.
        case undecided
    }

    package private(set) var calls: [Call] = []
    /// States that one search looks at.
    package static let searchLimit = 100_000

    package init() {}

    package mutating func add(_ call: Call) { calls.append(call) }

    package func check(as model: Model) -> Verdict {
        var search = HistorySearch(calls.sorted { ($0.called, $0.answered) < ($1.called, $1.answered) }, model)
        return search.run()
    }
}

/// What the model is between two calls.
private struct LockState: Hashable {
    var newest = FencingToken.none
    var isHeld = false
    /// The highest that the resource has seen.
    var used = FencingToken.none

    /// The state after `call`; nil if it cannot be answered so now.
    func after(_ call: LockHistory.Call, _ model: LockHistory.Model) -> LockState? {
        var next = self
        switch (call.action, call.answer) {
        case (.acquire, .refused): break
        case (.acquire(let token), .done), (.acquire(let token), .missing):
            guard token > newest, model == .fencedMutex || !isHeld else { return nil }
            next.newest = token
            next.isHeld = true
        case (.release(let token), .done):
            guard isHeld, token == newest else { return nil }
            next.isHeld = false
        // Its lease may have run out before, or not.
        case (.release(let token), .refused): return model == .mutex && isHeld && token == newest ? nil : next
        case (.release(let token), .missing): if token == newest { next.isHeld = false }
        case (.use(let token), .refused): return token < used ? next : nil
        case (.use(let token), .done), (.use(let token), .missing):
            guard token >= used, token <= newest else { return nil }
            next.used = token
        }
        return next
    }
}

extension LockHistory.Call {
    /// Refusals change nothing; then by token, and of one token the grant, what was done under it, its release; calls
    /// that may never have been carried out come last.
    fileprivate func precedes(_ other: LockHistory.Call) -> Bool { rank < other.rank }

    private var rank: (Int, FencingToken, Int) {
        let (token, kind) =
            switch action {
            case .acquire(let token): (token, 0)
            case .use(let token): (token, 1)
            case .release(let token): (token, 2)
            }
        return (answer == .refused ? 0 : answer == .missing ? 2 : 1, token, kind)
    }
}

private struct HistorySearch {
    private struct Place: Hashable {
        var taken: [UInt64]
        var state: LockState
    }

    private struct Step {
        var place: Place
        var count: Int
    }

    private let calls: [LockHistory.Call]
    private let model: LockHistory.Model

    init(_ calls: [LockHistory.Call], _ model: LockHistory.Model) {
        self.calls = calls
        self.model = model
    }

    /// The order of tokens is nearly always the answer; else every order is tried.
    mutating func run() -> LockHistory.Verdict { isInTokenOrder ? .explained : search() }

    /// Of the calls that may come next, always the one with the lowest token that the model can answer.
    private var isInTokenOrder: Bool {
        var rest = calls
        var state = LockState()
        while true {
            var bound = Int64.max
            var best: (at: Int, state: LockState)?
            for at in rest.indices {
                guard rest[at].called <= bound else { break }
                bound = min(bound, rest[at].answered)
                guard best.map({ rest[at].precedes(rest[$0.at]) }) ?? true, let next = state.after(rest[at], model)
                else { continue }
                best = (at, next)
            }
            // Calls of which nobody heard may be left out.
            guard let best, rest[best.at].answer != .missing else { return rest.allSatisfy { $0.answer == .missing } }
            state = best.state
            rest.remove(at: best.at)
        }
    }

    private func search() -> LockHistory.Verdict {
        let needed = calls.count { $0.answer != .missing }
        let start = Place(taken: [UInt64](repeating: 0, count: calls.count / 64 + 1), state: LockState())
        var open = [Step(place: start, count: 0)]
        var seen: Set<Place> = [start]
        var longest = open[0]
        while let step = open.popLast() {
            if step.count == needed { return .explained }
            if step.count > longest.count { longest = step }
            guard seen.count < LockHistory.searchLimit else { return .undecided }
            // The last one pushed is tried first: the earliest call.
            for at in candidates(step.place.taken).reversed() {
                guard let state = step.place.state.after(calls[at], model) else { continue }
                var place = Place(taken: step.place.taken, state: state)
                place.taken[at / 64] |= 1 << UInt64(at % 64)
                guard seen.insert(place).inserted else { continue }
                open.append(Step(place: place, count: step.count + (calls[at].answer == .missing ? 0 : 1)))
            }
        }
        return .impossible(stuckAt: candidates(longest.place.taken).map { calls[$0] })
    }

    /// Calls that may come next: no other one was answered before they began.
    private func candidates(_ taken: [UInt64]) -> [Int] {
        var found: [Int] = []
        var bound = Int64.max
        for (at, call) in calls.enumerated() where taken[at / 64] >> UInt64(at % 64) & 1 == 0 {
            guard call.called <= bound else { break }
            found.append(at)
            bound = min(bound, call.answered)
        }
        return found
    }
}
