import { createPinia } from 'pinia';
import { createApp } from 'vue';
import './styles/base.css';
import App from './views/App.vue';

createApp(App).use(createPinia()).mount('#app');
