import "vant/lib/style/base.css";
import "vant/lib/button/index.css";
import "vant/lib/cell/index.css";
import "vant/lib/field/index.css";
import "vant/lib/overlay/index.css";
import "vant/lib/popup/index.css";
import "vant/lib/toast/index.css";
import "../../shared/ui/tokens.css";
import "./style.css";
import { createApp } from "vue";
import App from "./App.vue";
import { app, start } from "./phone";
import { installWorker } from "./update";
import { language, speak } from "./words";

speak(language.value);
const root = document.documentElement;
root.dataset.theme = localStorage.getItem("gridwatch.theme") ?? "light";
root.dataset.size = localStorage.getItem("gridwatch.size") ?? "normal";
const shown = createApp(App);
// Nothing that goes wrong is silent: it stands in the banner until it is read.
shown.config.errorHandler = (problem) => {
  app.fault = String(problem);
};
addEventListener("unhandledrejection", (event) => {
  app.fault = String(event.reason);
});
shown.mount("#app");
void start();
void installWorker();
