package app.noren.app

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import app.noren.NorenApp
import app.noren.RegionWatcher
import app.noren.core.CheckInReport
import app.noren.core.MemberState
import app.noren.ffi.NorenException
import app.noren.open
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** One core a process, and its watcher: a second one on the same directory would be another phone's word against the first. */
object Core {
    private val opening = Mutex()
    private var held: NorenApp? = null
    private var watching: RegionWatcher? = null

    /** Opens it once and enrols once. */
    suspend fun noren(context: Context): NorenApp {
        while (true) {
            try {
                return opening.withLock {
                    val noren = held ?: NorenApp.open(context.applicationContext, BuildConfig.NOREN_BACKEND).also { held = it }
                    if (noren.member() is MemberState.NotEnrolled) noren.enrol()
                    noren
                }
            } catch (_: NorenException) {
                // Locked before first unlock, or no network for the first enrolment: nothing was changed, try again.
                delay(2_000)
            }
        }
    }

    /** Watches where the phone is, as far as the person allows it. */
    suspend fun watcher(context: Context): RegionWatcher {
        val noren = noren(context)
        val app = context.applicationContext
        return opening.withLock {
            watching ?: RegionWatcher(app, noren, PlayGeofences(app), RegionReceiver.broadcast(app, RegionReceiver.FIXES)) { tell(app, noren, it) }
                .also { watching = it }
        }
    }

    /** A check-in has a notice of its own, without a sound: it is read when the person takes the phone out, and asks for nothing. */
    private suspend fun tell(app: Context, noren: NorenApp, report: CheckInReport) {
        val notices = checkNotNull(app.getSystemService(NotificationManager::class.java))
        notices.createNotificationChannel(NotificationChannel(CHANNEL, "チェックイン", NotificationManager.IMPORTANCE_LOW))
        val card = PendingIntent.getActivity(app, 0, Intent(app, CardActivity::class.java), PendingIntent.FLAG_IMMUTABLE)
        for (made in report.checkIns) {
            val notice = Notification.Builder(app, CHANNEL)
                .setSmallIcon(android.R.drawable.ic_dialog_map)
                .setContentTitle(made.notice.titleJa)
                .setContentText(made.notice.bodyJa)
                .setContentIntent(card)
                .setAutoCancel(true)
                .build()
            // Without POST_NOTIFICATIONS the system drops it; the check-in counts all the same.
            notices.notify(made.checkIn.id, 0, notice)
        }
        if (report.checkIns.isNotEmpty()) {
            try {
                noren.sendDue()
            } catch (_: NorenException) {
                // It waits in the outbox.
            }
        }
    }

    private const val CHANNEL = "check-ins"
}
