extension Simulation {
    private enum BareEvent: Sendable {
        case tick(Int)
        case message(from: Int, to: Int, isAnswer: Bool)
    }

    /// A loop of events with no rule in it: five nodes with a timer each, that at every tick send a message to each of
    /// the others, who answer. Queue and draws of delays are the simulator's. It calibrates the machine.
    package static func bareLoop(events: UInt64, _ counts: inout [UInt64]) -> UInt64 {
        var queue = EventQueue<BareEvent>()
        let count = counts.count
        var draws = (0..<count * count).map { KeyedStream(seed: 1, .delay, entity: $0) }
        for node in counts.indices { queue.push(.tick(node), at: TrueTime(.milliseconds(Int64(node)))) }
        var done: UInt64 = 0
        var check: UInt64 = 0
        while done < events, let next = queue.pop() {
            done &+= 1
            check = check &* 31 &+ UInt64(bitPattern: next.time.nanoseconds)
            switch next.payload {
            case .tick(let node):
                counts[node] &+= 1
                for peer in counts.indices where peer != node {
                    let delay = draws[node &* count &+ peer].between(.microseconds(400), .microseconds(1600))
                    queue.push(.message(from: node, to: peer, isAnswer: false), at: next.time + delay)
                }
                queue.push(.tick(node), at: next.time + .milliseconds(100))
            case .message(let from, let to, let isAnswer):
                counts[to] &+= 1
                guard !isAnswer else { continue }
                let delay = draws[to &* count &+ from].between(.microseconds(400), .microseconds(1600))
                queue.push(.message(from: to, to: from, isAnswer: true), at: next.time + delay)
            }
        }
        return check
    }
}
