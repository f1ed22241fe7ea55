import Noren
import SwiftUI

/// The member card: the code over the full width, black on white in dark mode too, the number to read, the screen at full brightness.
public struct CardScreen: View {
    @State private var model: CardModel
    @Environment(\.scenePhase) private var phase

    public init(noren: NorenApp) {
        _model = State(initialValue: CardModel(noren: noren))
    }

    public var body: some View {
        ScrollView {
            VStack(spacing: 16) {
                switch model.state {
                case .loading:
                    ProgressView()
                case .shown(let card):
                    ModulesView(matrix: card.matrix)
                        .accessibilityElement()
                        .accessibilityLabel(Text("会員コード。レジで見せてください。"))
                        .accessibilityValue(Text(card.number))
                    Text(card.number)
                        .font(.title2.monospacedDigit())
                        .textSelection(.enabled)
                        .accessibilityLabel(Text("会員番号 \(card.number)"))
                    Text("\(card.points) ポイント")
                        .font(.headline)
                    if let note = note(for: card.standing) {
                        Text(note).font(.footnote).foregroundStyle(.secondary)
                    }
                    ForEach(model.coupons, id: \.self) { coupon in
                        CouponLine(coupon: coupon, inCode: model.inCode(coupon))
                    }
                case .failed(let reason):
                    Text(reason)
                }
            }
            .padding(.vertical)
        }
        // What covers it for a moment, such as the notification centre, does not put the card away.
        .task(id: phase == .background) {
            guard phase != .background else { return }
            await model.show()
        }
        .brightScreen(while: phase == .active)
    }

    private func note(for standing: CardStanding) -> LocalizedStringKey? {
        switch standing {
        case .good: nil
        case .clockUnproven: "時刻を確認できていません。レジで使えないときは、一度通信してください。"
        case .needsContact: "一度通信すると、QRコードが表示されます。"
        case .revoked: "この端末のカードは使えなくなりました。もう一度登録してください。"
        }
    }
}

/// A coupon under the card: to be read in the queue. There is nothing to tap, the till does the rest.
struct CouponLine: View {
    let coupon: CouponView
    let inCode: Bool

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            Text(coupon.titleJa).font(.body)
            if !coupon.occasionJa.isEmpty { Text(coupon.occasionJa).font(.footnote).foregroundStyle(.secondary) }
            if !inCode { Text("レジで見せた結果を待っています。").font(.footnote).foregroundStyle(.secondary) }
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .padding(.horizontal)
        .accessibilityElement(children: .combine)
    }
}

/// Asks for the card, and again whenever its code ends; makes the next one ahead. While it is shown, its code carries the coupons.
@MainActor @Observable
final class CardModel {
    enum State {
        case loading
        case shown(CardView)
        case failed(LocalizedStringKey)
    }

    private(set) var state = State.loading
    /// Those that the code carries, and those that were shown before and of which nobody has said what became of them.
    private(set) var coupons: [CouponView] = []
    private var presented: Set<UInt64> = []
    private let noren: NorenApp

    init(noren: NorenApp) {
        self.noren = noren
    }

    /// True when the code carries it: a till takes no other.
    func inCode(_ coupon: CouponView) -> Bool { coupon.serial.map(presented.contains) ?? false }

    /// Runs for as long as the screen is in front: its task is cancelled when it goes.
    func show() async {
        // Coming back from behind, the files may still be closed: then nothing could be noted, and the card had no coupons.
        try? await noren.resume()
        presented = Set((try? await noren.beginPresentation())?.serials ?? [])
        coupons = ((try? await noren.coupons()) ?? []).filter { inCode($0) || $0.unheard }
        await renew()
        // A card without a code that ends is shown until the screen goes.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
        try? await noren.endPresentation()
    }

    private func renew() async {
        while !Task.isCancelled {
            do {
                let card = try await noren.card()
                state = .shown(card)
                guard let until = card.validUntilMs else { return }
                try? await noren.prepareNextCard()
                // By the core's clock, which need not be the phone's. The time is its moment of making, so a slow signature costs nothing.
                try await Task.sleep(for: .milliseconds(max(until - card.time.nowMs, 250)))
            } catch is CancellationError {
                return
            } catch {
                state = .failed("カードを表示できません。もう一度お試しください。")
                try? await Task.sleep(for: .seconds(2))
            }
        }
    }
}

/// The modules with their quiet zone, each a whole number of pixels, over the full width.
struct ModulesView: View {
    let matrix: ModuleMatrix
    @Environment(\.displayScale) private var scale

    var body: some View {
        let quiet = Int(matrix.quietZone)
        let columns = Int(matrix.width) + 2 * quiet
        // Bars are as tall as a third of the width; a QR is square.
        let isSquare = matrix.height > 1
        Canvas { context, size in
            context.fill(Path(CGRect(origin: .zero, size: size)), with: .color(.white))
            let module = max((size.width * scale / CGFloat(columns)).rounded(.down), 1) / scale
            let left = (size.width - module * CGFloat(columns)) / 2 + module * CGFloat(quiet)
            let top = isSquare ? left : 0
            let height = isSquare ? module : size.height
            var black = Path()
            for y in 0..<Int(matrix.height) {
                for x in 0..<Int(matrix.width) where matrix.isDark(x: x, y: y) {
                    black.addRect(CGRect(x: left + CGFloat(x) * module, y: top + CGFloat(y) * height, width: module, height: height))
                }
            }
            context.fill(black, with: .color(.black), style: FillStyle(antialiased: false))
        }
        .aspectRatio(isSquare ? 1 : 3, contentMode: .fit)
        .frame(maxWidth: .infinity)
        .background(.white)
    }
}

extension View {
    /// Full brightness while a code is shown; what the person had set comes back after it.
    func brightScreen(while shown: Bool) -> some View { modifier(BrightScreen(shown: shown)) }
}

private struct BrightScreen: ViewModifier {
    let shown: Bool
    @State private var before: CGFloat?

    func body(content: Content) -> some View {
        content
            .onChange(of: shown, initial: true) { _, shown in shown ? raise() : restore() }
            .onDisappear(perform: restore)
    }

    private func raise() {
        #if os(iOS)
            guard before == nil else { return }
            before = UIScreen.main.brightness
            UIScreen.main.brightness = 1
            UIApplication.shared.isIdleTimerDisabled = true
        #endif
    }

    private func restore() {
        #if os(iOS)
            guard let before else { return }
            UIScreen.main.brightness = before
            UIApplication.shared.isIdleTimerDisabled = false
            self.before = nil
        #endif
    }
}
