import Dispatch
import Simulation
import Synchronization

/// One mutant over all of its ranges.
struct MutantResult: Sendable {
    var trial: MutantTrial
    var outcomes: [MutantTrial.Outcome]
    var cpuMilliseconds: Int64

    var isPassed: Bool { trial.isPassed(outcomes) }
}

/// Runs ranges of seeds side by side, several mutants at a time.
struct MutantRunner: Sendable {
    let trials: [MutantTrial]
    let jobs: Int

    private struct State: Sendable {
        var next = 0
        var outcomes: [[MutantTrial.Outcome?]]
        var cpu: [Int64]
    }

    func results(_ progress: Progress) -> [MutantResult] {
        let work = trials.indices.flatMap { trial in trials[trial].starts.indices.map { (trial, $0) } }
        let state = Mutex(
            State(
                outcomes: trials.map { [MutantTrial.Outcome?](repeating: nil, count: $0.starts.count) },
                cpu: trials.map { _ in 0 }))
        DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, work.count))) { _ in
            while let (trial, range) = state.withLock({ state -> (Int, Int)? in
                guard state.next < work.count else { return nil }
                state.next += 1
                return work[state.next - 1]
            }) {
                let watch = ThreadWatch()
                let outcome = trials[trial].run(from: trials[trial].starts[range])
                let isWhole = state.withLock { state in
                    state.outcomes[trial][range] = outcome
                    state.cpu[trial] += watch.milliseconds()
                    return state.outcomes[trial].allSatisfy { $0 != nil }
                }
                if isWhole { progress.say("\(trials[trial].facts.name): done") }
            }
        }
        progress.clear()
        return state.withLock { state in
            trials.indices.map {
                MutantResult(
                    trial: trials[$0], outcomes: state.outcomes[$0].compactMap { $0 }, cpuMilliseconds: state.cpu[$0])
            }
        }
    }
}
